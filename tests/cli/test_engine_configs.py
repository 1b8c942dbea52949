"""Configs and programs of an engine, told before anything is bought or started."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.command import Run

Write = Callable[..., Path]
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
resource: {instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: a}}}
inference: {preset: {name: phi-4}, config: engine}
"""
CONFIG = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {name: engine}
data: {inference_config.yaml: "vllm: {max-num-seq: 8}"}
"""
HERE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: w}
inference: {preset: {name: demo}, runtime: vllm}
"""


@pytest.mark.parametrize("verb", ["check", "plan"])
def test_a_flag_that_the_engine_does_not_have_is_refused_by_name(run: Run, written: Write, verb: str) -> None:
    ran = run(verb, "--target", "kubernetes", "-f", written(WORKSPACE + CONFIG))
    assert ran.code == 2
    assert "inference.config: inference_config.yaml:vllm.max-num-seq: vLLM 0.32.0 has no flag" in ran.err + ran.out
    assert "did you mean 'max-num-seqs'?" in ran.err + ran.out


def test_a_config_that_only_the_cluster_has_is_told(run: Run, written: Write) -> None:
    ran = run("check", "--target", "kubernetes", "-f", written(WORKSPACE))
    assert ran.code == 0
    assert "inference.config: the ConfigMap 'engine' is not beside this Workspace" in ran.out


def test_a_program_that_is_not_on_this_machine_is_named_before_anything_starts(run: Run, written: Write) -> None:
    written("plugins: {runtime: {vllm: {program: /nowhere/vllm}}}\n", "llmwright.yaml")
    ran = run("apply", "-f", written(HERE))
    assert ran.code == 2
    assert "runtime 'vllm' starts the program '/nowhere/vllm'" in ran.err
    assert "plugins.runtime.vllm" in ran.err
    assert run("get").out.strip() in ("", "no workspaces")


@pytest.mark.parametrize(
    ("serves", "who", "hint"),
    [
        ("runtime: ray", "ray with the engine hf", "runtimeConfig.engine: vllm"),
        ("runtime: ray, runtimeConfig: {engine: hf}", "ray with the engine hf", "runtimeConfig.engine: vllm"),
        ("runtime: hf", "hf", "runtime: ray or vllm"),
    ],
)
def test_flags_that_reach_no_engine_are_told(run: Run, written: Write, serves: str, who: str, hint: str) -> None:
    text = HERE.replace("runtime: vllm", f"{serves}, config: engine") + CONFIG.replace("max-num-seq:", "seed:")
    ran = run("check", "-f", written(text))
    assert ran.code == 0
    said = " ".join((ran.out + ran.err).split())
    assert f"inference.config: inference_config.yaml: vllm is not read: {who} takes no flags of a config" in said
    assert f"(write its options below inference.runtimeConfig, or {hint})" in said
    with_vllm = text.replace(serves, "runtime: ray, runtimeConfig: {engine: vllm}")
    assert "is not read" not in run("check", "-f", written(with_vllm)).out
    assert "is not read" not in run("check", "-f", written(text.replace("{seed: 8}", "{}"))).out
