"""Our objects are equal to upstream's or listed, and no rule allows more than the field that it names."""

from __future__ import annotations

import copy
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.manifest_cases import compare_all
from tests.conformance.manifest_commands import read_command
from tests.conformance.manifest_fields import ABSENT, Field, fields
from tests.conformance.manifest_rules import RULES, rule_for
from tests.conformance.manifest_translation import in_upstreams_names
from tests.conformance.manifest_tree import tree_of
from tests.support.kaito_facts import MANIFESTS

from llmwright.plugins.registry import Registry

ROOT = Path(__file__).resolve().parents[2]
RUNNER = ROOT / "tests" / "conformance" / "run.py"

needs_karpenter = pytest.mark.skipif(
    not any(row.name == "karpenter" for row in Registry().entries()),
    reason="the provisioner karpenter is not installed",
)
needs_recorded = pytest.mark.skipif(not MANIFESTS.is_file(), reason="KAITO's objects are not beside this checkout")


@pytest.fixture(scope="module")
def goldens() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MANIFESTS.read_text())
    return found


@needs_karpenter
@needs_recorded
def test_every_scenario_is_equal_or_listed() -> None:
    done = subprocess.run([sys.executable, str(RUNNER), "manifests", str(MANIFESTS)], capture_output=True, text=True)
    *_, fields_in_all, scenarios = done.stdout.splitlines()
    assert done.returncode == 0, done.stdout
    assert re.fullmatch(r"\d+ equal, \d+ listed, 0 failed", fields_in_all)
    assert re.fullmatch(r"\d+ passed, 0 failed", scenarios)


def changed(scenario: dict[str, Any], *path: str | int, value: Any) -> dict[str, Any]:
    other = copy.deepcopy(scenario)
    found: Any = other["output"]
    for part in path[:-1]:
        found = found[part]
    found[path[-1]] = value
    return other


POD = ("workload", "spec", "template", "spec")
MAIN = (*POD, "containers", 0)


@needs_recorded
@pytest.mark.parametrize(
    ("path", "value"),
    [
        ((*MAIN, "_flags", "tensor-parallel-size"), "2"),
        ((*MAIN, "_flags", "gpu-memory-utilization"), "0.9"),
        ((*MAIN, "_flags", "new-flag"), None),
        ((*MAIN, "_flags", "model"), "microsoft/phi-5"),
        ((*MAIN, "resources", "limits", "nvidia.com/gpu"), "2"),
        ((*MAIN, "env", 0, "value"), "1"),
        ((*MAIN, "volumeMounts", 0, "mountPath"), "/elsewhere"),
        ((*MAIN, "startupProbe", "failureThreshold"), 181),
        ((*MAIN, "readinessProbe", "initialDelaySeconds"), 31),
        ((*MAIN, "ports", 0, "containerPort"), 5002),
        ((*MAIN, "image"), "REGISTRY/other:1"),
        ((*POD, "tolerations", 0, "operator"), "Equal"),
        ((*POD, "volumes", 0, "emptyDir"), {}),
        (("service", "spec", "ports", 1, "targetPort"), 1),
        (("service", "spec", "type"), "LoadBalancer"),
        (("workload", "spec", "replicas"), 2),
        (("headless_service", "spec", "publishNotReadyAddresses"), False),
    ],
)
def test_one_other_value_is_one_failure_more(goldens: dict[str, Any], path: tuple[str | int, ...], value: Any) -> None:
    scenario = goldens["vllm_single_a10"]
    (before,) = compare_all({"as given": scenario})
    (after,) = compare_all({"changed": changed(scenario, *path, value=value)})
    assert after.count["failed"] > before.count["failed"]
    assert len(after.failures) - len(before.failures) <= 2


@needs_recorded
def test_order_and_names_of_volumes_do_not_count(goldens: dict[str, Any]) -> None:
    scenario = copy.deepcopy(goldens["vllm_adapters_image_and_volume"])
    (before,) = compare_all({"as given": scenario})
    pod = scenario["output"]["workload"]["spec"]["template"]["spec"]
    for part in (pod["volumes"], pod["tolerations"], pod["containers"][0]["env"], pod["imagePullSecrets"]):
        part.reverse()
    text = json.dumps(scenario).replace('"adapter-volume-adapter-v"', '"other"')
    (after,) = compare_all({"as given": json.loads(text)})
    assert after.count == before.count


@needs_recorded
def test_a_panic_upstream_wants_objects_or_a_clean_error(goldens: dict[str, Any]) -> None:
    scenario = {**copy.deepcopy(goldens["vllm_single_a10"]), "output": {"panic": "nil"}}
    unknown = copy.deepcopy(scenario)
    unknown["input"]["workspace"]["inference"]["preset"]["name"] = "no-such-model"
    assert all(not one.failures for one in compare_all({"rendered": scenario, "refused": unknown}))


@needs_recorded
def test_a_refusal_of_what_upstream_renders_is_a_failure(goldens: dict[str, Any]) -> None:
    scenario = copy.deepcopy(goldens["vllm_single_a10"])
    scenario["input"]["workspace"]["inference"]["preset"]["name"] = "no-such-model"
    (compared,) = compare_all({"refused": scenario})
    assert "unknown preset" in compared.failures[0]


def test_every_rule_stands_in_the_docs() -> None:
    text = (ROOT / "docs" / "kaito-differences.md").read_text()
    missing = {rule.name for rule in RULES if f"`{rule.name}`" not in text}
    assert not missing


def test_a_rule_excuses_its_own_field_and_values_only() -> None:
    path = ("workload", "spec", "template", "spec", "containers", "<main>", "flags", "dtype")
    assert rule_for(Field(path, "bfloat16", "float16"))
    assert rule_for(Field(path, "bfloat16", "float32")) is None
    assert rule_for(Field(path, ABSENT, "float16")) is None
    assert rule_for(Field((*path[:-1], "kv-cache-dtype"), "bfloat16", "float16")) is None


@pytest.mark.parametrize(
    ("command", "program", "found"),
    [
        (["a", "b", "--x=1", "--y", "2", "3", "--z"], "a b", {"x": "1", "y": ["2", "3"], "z": None}),
        (["/bin/sh", "-c", "a --x=1 && exec b --y '{\"k\": 1}'; fi"], "a && exec b ; fi", {"x": "1", "y": '{"k": 1}'}),
        (["sh", "-c", "<upstream shell script>"], "<upstream shell script>", None),
    ],
)
def test_commands_are_read_as_program_and_flags(command: list[str], program: str, found: Any) -> None:
    read = read_command({"command": command})
    assert read["program"] == program
    assert read.get("flags") == found


def test_our_words_are_upstream_s_where_they_say_the_same() -> None:
    argv = ["python3", "-m", "llmwright_runtime_hf.serve", "--model", "a/b"]
    adapters = ["--adapter", "one=/mnt/adapter/one,strength=0.5", "--adapter", "two=/elsewhere"]
    found = in_upstreams_names(read_command({"command": [*argv, *adapters]}))
    assert found["env"] == {"one": {"value": "0.5"}}
    assert found["flags"] == {"pretrained_model_name_or_path": "a/b", "adapter": ["two=/elsewhere"]}


def test_what_the_api_server_fills_in_is_no_difference() -> None:
    short = {"ports": [{"port": 80}], "livenessProbe": {"httpGet": {"path": "/"}}}
    long = {
        "ports": [{"port": 80, "protocol": "TCP"}],
        "livenessProbe": {"httpGet": {"path": "/"}, "timeoutSeconds": 1, "failureThreshold": 3},
    }
    assert all(field.equal for field in fields(tree_of(short), tree_of(long)))
