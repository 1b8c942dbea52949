"""The flags of a config's file: they win, and what the engine would not take is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plugins.runtime_vllm.tests.support.launches import FIT, PRESET, engine_argv, flags, launched

from llmwright.errors import InvalidWorkspace
from llmwright.testing.presets import make_adapter
from llmwright_runtime_vllm.driver import VllmRuntime


@pytest.mark.parametrize("line", ["load-format: pt", "load_format: NPCACHE", "--load-format: pt"])
def test_a_config_that_asks_for_pickles_is_refused(runtime: VllmRuntime, line: str) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        runtime.configure({}, {"inference_config.yaml": f"vllm: {{{line}}}"})
    problem = refused.value.problems[0]
    assert (problem.path, problem.reason) == (f"inference_config.yaml:vllm.{line.partition(':')[0]}", "UnsafeWeights")


def test_a_context_in_the_file_is_planned_with(runtime: VllmRuntime) -> None:
    files = {"inference_config.yaml": "vllm:\n  max-model-len: 4096\n"}
    config = runtime.configure({"maxModelLen": 64}, files)
    assert config.max_model_len == 4096
    assert flags(runtime.launch(PRESET, FIT, (), config))["max-model-len"] == "4096"
    assert flags(launched(runtime, options={"maxModelLen": 64}))["max-model-len"] == "64"


def test_the_file_s_flags_take_the_place_of_computed_ones(runtime: VllmRuntime) -> None:
    text = (
        "{gpu-memory-utilization: 0.5, load_format: auto, kv-events-config: '{}', enforce-eager: true, max-num-seqs: 8}"
    )
    argv = engine_argv(runtime, text)
    for name, own in (
        ("gpu-memory-utilization", "--gpu-memory-utilization=0.5"),
        ("load", "--load-format=auto"),
        ("kv-events-config", "--kv-events-config={}"),
    ):
        assert [part for part in argv if part.startswith(f"--{name}")] == [own]
    assert {"--enforce-eager", "--max-num-seqs=8"} <= {*argv}


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{}", ("tiny", "a")),
        ("{served-model-name: gpt}", ("gpt", "a")),
        ("{served_model_name: 'gpt tiny'}", ("gpt", "tiny", "a")),
        ('{lora-modules: \'b=/b {"name":"c","path":"/c"}\'}', ("tiny", "b", "c")),
        ("{served-model-name: 12, lora-modules: b=/b}", ("12", "b")),
    ],
)
def test_served_names_are_those_of_the_config(runtime: VllmRuntime, text: str, names: tuple[str, ...]) -> None:
    config = runtime.configure({}, {"inference_config.yaml": f"vllm: {text}"})
    assert runtime.served_names(replace(PRESET, name="tiny"), (make_adapter(name="a"),), config) == names


@pytest.mark.parametrize(
    "line", ["served-model-name: ''", "lora-modules: ''", "lora-modules: '/b'", "lora-modules: 'b='", "lora-modules: 3"]
)
def test_a_served_model_has_a_name(runtime: VllmRuntime, line: str) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        runtime.configure({}, {"inference_config.yaml": f"vllm: {{{line}}}"})
    assert refused.value.problems[0].path == f"inference_config.yaml:vllm.{line.partition(':')[0]}"


def test_a_whole_json_flag_replaces_its_parts_and_a_part_stands_beside_them(runtime: VllmRuntime) -> None:
    whole = engine_argv(runtime, "{compilation-config: '{\"level\": 0}'}")
    assert [part for part in whole if "compilation" in part] == ['--compilation-config={"level": 0}']
    part = engine_argv(runtime, "{compilation-config.level: 0}")
    assert len([each for each in part if "compilation" in each]) == 2


def test_a_switch_is_written_as_the_engine_has_it(runtime: VllmRuntime) -> None:
    assert "--no-enable-prefix-caching" in engine_argv(runtime, "{enable-prefix-caching: false}")
    assert "--enable-prefix-caching" in engine_argv(runtime, "{enable-prefix-caching: 'on'}")
    assert "--enable-prefix-caching" in engine_argv(runtime, "{enable-prefix-caching: }")


@pytest.mark.parametrize(
    ("line", "reason", "words"),
    [
        ("max-num-seq: 8", "UnknownFlag", "max-num-seqs"),
        ("kaito-disable-rate-limit: true", "UnknownFlag", ""),
        ("no-such-flag: 1", "UnknownFlag", ""),
        ("compilation-confg.level: 3", "UnknownFlag", "compilation-config"),
        ("max-num-seqs: many", "BadFlagValue", "whole number"),
        ("enforce-eager: perhaps", "BadFlagValue", "true or false"),
        ("dtype: bf16", "BadFlagValue", "bfloat16"),
        ("gpu-memory-utilization: half", "BadFlagValue", "number"),
        ("compilation-config: '{'", "BadFlagValue", "JSON"),
        ("port: 8080", "DecidedByPlan", ""),
        ("api_key: secret", "DecidedByPlan", "llmwright-api-key"),
    ],
)
def test_what_the_engine_would_not_take_is_refused_by_name(
    runtime: VllmRuntime, line: str, reason: str, words: str
) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        runtime.configure({}, {"inference_config.yaml": f"vllm: {{{line}}}"})
    (problem,) = refused.value.problems
    assert problem.path == f"inference_config.yaml:vllm.{line.partition(':')[0]}"
    assert problem.reason == reason
    assert words in str(problem)


def test_every_wrong_line_is_told_at_once(runtime: VllmRuntime) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        runtime.configure({}, {"inference_config.yaml": "vllm: {a: 1, b: 2, max_num_seqs: 1, max-num-seqs: 2}"})
    assert [problem.path.rpartition(".")[2] for problem in refused.value.problems] == ["a", "b", "max-num-seqs"]


@pytest.mark.parametrize("text", ["", "vllm: {cpu-offload-gb: 1}", "vllm: {max-model-len: auto}"])
def test_a_file_without_a_context_says_nothing(runtime: VllmRuntime, text: str) -> None:
    assert runtime.configure({}, {"inference_config.yaml": text}).max_model_len is None


@pytest.mark.parametrize("text", ["[1]", "vllm: 3", "a: ]"])
def test_a_file_that_is_no_mapping_is_refused(runtime: VllmRuntime, text: str) -> None:
    with pytest.raises(InvalidWorkspace, match=r"inference_config\.yaml"):
        runtime.configure({}, {"inference_config.yaml": text})


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("vllm: {trust-remote-code: true}", ["inference_config.yaml:vllm.trust-remote-code"]),
        ("vllm: {trust_remote_code: 'True'}", ["inference_config.yaml:vllm.trust_remote_code"]),
        ("vllm: {trust-remote-code: ''}", ["inference_config.yaml:vllm.trust-remote-code"]),
        ("vllm: {trust-remote-code: }", ["inference_config.yaml:vllm.trust-remote-code"]),
        ("vllm: {Trust-Remote_Code: on}", ["inference_config.yaml:vllm.Trust-Remote_Code"]),
        ("vllm: {trust-remote-code: 1}", ["inference_config.yaml:vllm.trust-remote-code"]),
        ("vllm: {trust-remote-code: false}", []),
        ("vllm: {max-model-len: 5}", []),
        ("vllm: [trust-remote-code]", []),
        ("vllm: {", []),
        ("", []),
    ],
)
def test_a_config_that_asks_for_code_of_the_repository(text: str, places: list[str]) -> None:
    assert list(VllmRuntime.asks_remote_code({}, {"inference_config.yaml": text} if text else {})) == places
