"""Which models of the hub are fetched by a step before the engine, and which files of them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plugins.runtime_vllm.tests.support.launches import FIT, PRESET, launched

from llmwright.testing.presets import make_instance_type
from llmwright.values.launch import Mount, Process
from llmwright_runtime_vllm.driver import VllmRuntime

HERE = replace(FIT, instance_type=make_instance_type(cloud="local"))


def fetching(runtime: VllmRuntime, config: str = "{}", **given: Any) -> Process | None:
    files = {"inference_config.yaml": f"vllm: {config}"}
    steps = {step.name: step for step in launched(runtime, files=files, **given).prepare}
    return steps.get("fetch-model")


def test_a_step_in_the_engine_s_image_brings_what_the_engine_would_bring(runtime: VllmRuntime) -> None:
    launch = launched(runtime)
    step = fetching(runtime)
    assert step is not None
    assert [each.name for each in launch.prepare] == ["engine-plugin", "fetch-model"], "its files come first"
    assert (step.image, step.gpus) == (launch.main.image, 0)
    assert step.argv == (
        *("$(python)", "-m", "llmwright_engine_plugin.fetch_model"),
        *("--model", "acme/Tiny", "--revision", "abc", "--to", "$(volume.model)"),
        *("--files", "*.safetensors", "--ignore", "original/**/*"),
    )
    assert "--download-dir=$(volume.model)" in launch.main.argv, "the engine looks in the same place"
    writes, reads = step.mounts
    assert writes in launch.main.mounts
    assert reads == Mount(volume="engine-plugin", path="/opt/llmwright/engine-plugin", read_only=True)


def test_the_files_are_those_of_the_format_that_is_loaded(runtime: VllmRuntime) -> None:
    mistral = replace(PRESET, flags={"vllm": {"load_format": "mistral"}})
    for step in (fetching(runtime, preset=mistral), fetching(runtime, "{load-format: mistral}")):
        assert step is not None
        assert step.argv[step.argv.index("--files") + 1] == "consolidated*.safetensors"


@pytest.mark.parametrize(
    "config", ["{load_format: dummy}", "{download-dir: /elsewhere}", "{revision: v2}", "{ignore_patterns: '*.bin'}"]
)
def test_the_engine_alone_fetches_what_the_user_asks_of_it(runtime: VllmRuntime, config: str) -> None:
    assert fetching(runtime, config) is None


@pytest.mark.parametrize(
    "given",
    [
        {"fit": HERE},
        {"options": {"enginePlugin": False}},
        {"options": {"localWeights": True}},
        {"preset": replace(PRESET, source="oci://r.example/m:1")},
        {"preset": replace(PRESET, source="file:///srv/model")},
    ],
    ids=["one machine", "no plugin", "on the node", "an image", "a directory"],
)
def test_nothing_is_fetched_twice_or_where_nothing_of_ours_may_be(runtime: VllmRuntime, given: dict[str, Any]) -> None:
    assert fetching(runtime, **given) is None


def test_on_one_machine_the_core_is_told_which_files_a_format_of_its_own_has(runtime: VllmRuntime) -> None:
    mistral = replace(PRESET, flags={"vllm": {"load_format": "mistral"}})
    step = fetching(runtime, preset=mistral, fit=HERE)
    assert step is not None
    assert step.argv == (
        *("$(python)", "-m", "llmwright.artifacts", "fetch-model", "--model", "acme/Tiny", "--revision", "abc"),
        *("--files", "consolidated*.safetensors"),
    )
