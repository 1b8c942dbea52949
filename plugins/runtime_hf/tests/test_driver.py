"""The hf runtime's control half: its command line is the one that its server reads."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.drivers import Context
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import API_KEY, HttpGet, Launch, SecretKey
from llmwright.values.preset import Architecture, Preset
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions, parse_options

PRESET = Preset(
    name="tiny", source="hf://acme/Tiny", revision="abc", parameters=1000, weight_bytes=2000, context=256,
    kv_bytes_per_token=64,
)  # fmt: skip
OF_OSS = Architecture(
    names=("GptOssForCausalLM",), layers=2, hidden_size=8, intermediate_size=8, attention_heads=2, kv_heads=1,
    head_dim=4, vocab_size=64,
)  # fmt: skip
FIT = Fit(instance_type=InstanceType(name="here", cloud="local"), context=128)
ADAPTERS = (
    Adapter(name="facts", path="$(volume.adapter-facts)", strength=0.5),
    Adapter(name="plain", path="/adapters/plain"),
)


@pytest.fixture
def runtime() -> HfRuntime:
    return HfRuntime(Context(clock=lambda: datetime.now(UTC)))


def served(
    runtime: HfRuntime,
    preset: Preset = PRESET,
    fit: Fit = FIT,
    adapters: tuple[Adapter, ...] = (),
    options: dict[str, Any] | None = None,
) -> tuple[Launch, ServeOptions]:
    launch = runtime.launch(preset, fit, adapters, runtime.configure(options or {}, {}))
    argv = [part.replace("$(host)", "127.0.0.1").replace("$(port.http)", "5000") for part in launch.main.argv]
    assert argv[:3] == ["$(python)", "-m", "llmwright_runtime_hf.serve"]
    return launch, parse_options(argv[3:], {"LLMWRIGHT_API_KEY": "k"})


def test_the_server_understands_what_is_launched(runtime: HfRuntime) -> None:
    launch, options = served(runtime, adapters=ADAPTERS)
    assert (options.model, options.revision, options.served_model_name) == ("acme/Tiny", "abc", "tiny")
    assert (options.max_model_len, options.dtype, options.quantization) == (128, "float32", "none")
    assert options.exit_with_parent
    assert [(adapter.name, adapter.strength) for adapter in options.adapters] == [("facts", 0.5), ("plain", 1.0)]
    assert isinstance(options.adapters[0], AdapterSpec)
    assert launch.ports == {"http": 5000}


def test_requests_that_name_no_model_mean_the_one_adapter(runtime: HfRuntime) -> None:
    assert served(runtime)[1].default_model == "tiny"
    assert served(runtime, adapters=ADAPTERS[:1])[1].default_model == "facts"
    assert served(runtime, adapters=ADAPTERS)[1].default_model == "tiny"


def test_runtime_config_wins_over_the_fit(runtime: HfRuntime) -> None:
    _, options = served(
        runtime,
        fit=replace(FIT, quantization="nf4"),
        options={"maxModelLen": 64, "dtype": "bfloat16", "quantization": "int8", "threads": 2, "chatTemplate": "{{x}}"},
    )
    assert (options.max_model_len, options.dtype, options.quantization) == (64, "bfloat16", "int8")
    assert (options.threads, options.chat_template) == (2, "{{x}}")
    assert served(runtime, fit=replace(FIT, quantization="nf4"))[1].quantization == "nf4"


def test_the_key_is_a_secret_by_name_and_probes_are_upstreams(runtime: HfRuntime) -> None:
    main = served(runtime)[0].main
    assert main.env["LLMWRIGHT_API_KEY"] == SecretKey("llmwright-api-key", "LLMWRIGHT_API_KEY", optional=True)
    assert main.startup is not None
    assert (main.startup.check, main.startup.period_s, main.startup.failure_threshold) == (HttpGet("/health"), 10, 180)
    large = served(runtime, preset=replace(PRESET, weight_bytes=100 * 1024**3))[0].main.startup
    assert large is not None
    assert large.failure_threshold == 270


def test_weights_of_a_directory_or_an_image(runtime: HfRuntime) -> None:
    assert served(runtime, preset=replace(PRESET, source="file:///models/my%20model"))[1].model == "/models/my model"
    launch, options = served(runtime, preset=replace(PRESET, source="oci://registry.example/m:1"))
    assert options.model == "$(volume.model)"
    (pull,) = launch.prepare
    assert pull.argv[3:] == ("pull", "--model", "--reference", "registry.example/m:1", "--to", "$(volume.model)")


@pytest.mark.parametrize("options", [{"maxModelLen": 0}, {"dtype": "int3"}, {"maxModeLen": 64}, {"threads": "many"}])
def test_wrong_options_are_refused_with_their_path(runtime: HfRuntime, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        runtime.configure(options, {})
    assert caught.value.problems[0].path == next(iter(options))


def test_several_machines_are_refused(runtime: HfRuntime) -> None:
    assert "serves from one machine" in (runtime.refuses(PRESET, replace(FIT, nodes=2)) or "")
    assert runtime.refuses(PRESET, FIT) is None


def test_the_control_half_is_light() -> None:
    code = (
        "import sys, llmwright_runtime_hf.driver;"
        "print([m for m in ('torch', 'transformers', 'peft', 'fastapi') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_adapters_are_loaded_from_the_directories_that_are_named(runtime: HfRuntime) -> None:
    launch, options = served(runtime, options={"adapterDirectories": ["/srv/a", "/srv/b"], "maxLoraRank": 32})
    assert launch.main.env["LLMWRIGHT_API_KEY"] == replace(API_KEY, optional=False), "a pod does not start without"
    assert [str(directory) for directory in options.adapter_directories] == ["/srv/a", "/srv/b"]
    assert options.max_lora_rank == 32
    assert served(runtime)[1].adapter_directories == ()
    assert {"adapterDirectories", "adapterRegistries"} == HfRuntime.keyed_options


@pytest.mark.parametrize("parser", ["pythonic", 5, ["hermes"]])
def test_a_format_of_tool_calls_that_it_does_not_read_is_refused_with_who_does(
    runtime: HfRuntime, parser: object
) -> None:
    with pytest.raises(InvalidWorkspace, match="write runtime: vllm, or one of deepseek_v3"):
        runtime.configure({"toolCallParser": parser}, {})
    assert served(runtime, options={"toolCallParser": "qwen3_coder"})[1].tool_call_parser == "qwen3_coder"
    assert served(runtime, preset=replace(PRESET, tool_call_parser="openai"))[1].tool_call_parser == "openai"


def test_the_format_of_reasoning_is_the_preset_s_or_the_option_s(runtime: HfRuntime) -> None:
    thinking = replace(PRESET, reasoning_parser="qwen3")
    assert served(runtime)[1].reasoning_parser is None
    assert served(runtime, preset=thinking)[1].reasoning_parser == "qwen3"
    assert served(runtime, preset=thinking, options={"reasoningParser": "glm45"})[1].reasoning_parser == "glm45"
    for off in ("none", ""):
        assert served(runtime, preset=thinking, options={"reasoningParser": off})[1].reasoning_parser == "none"
    with pytest.raises(InvalidWorkspace, match="write runtime: vllm, or one of deepseek_r1"):
        runtime.configure({"reasoningParser": "ernie45"}, {})


GPT_OSS = replace(PRESET, name="oss", tool_call_parser="openai", reasoning_parser="openai_gptoss")


@pytest.mark.parametrize(
    ("preset", "options", "paths"),
    [
        (GPT_OSS, {}, []),
        (GPT_OSS, {"reasoningParser": "openai_gptoss", "toolCallParser": "openai"}, []),
        (GPT_OSS, {"reasoningParser": "qwen3", "toolCallParser": "hermes"}, ["reasoningParser", "toolCallParser"]),
        (GPT_OSS, {"reasoningParser": "none"}, ["reasoningParser"]),
        (replace(PRESET, architecture=OF_OSS), {"reasoningParser": "qwen3"}, ["reasoningParser"]),
        (replace(PRESET, reasoning_parser="qwen3"), {"reasoningParser": "openai_gptoss"}, ["reasoningParser"]),
        (replace(PRESET, tool_call_parser="hermes"), {"toolCallParser": "openai"}, ["toolCallParser"]),
        (replace(PRESET, reasoning_parser="qwen3"), {"reasoningParser": "none", "toolCallParser": "hermes"}, []),
        # Nothing is known of the model: its tokenizer decides.
        (PRESET, {"reasoningParser": "openai_gptoss", "toolCallParser": "openai"}, []),
    ],
)
def test_a_format_that_the_model_cannot_have_is_refused_before_a_server_starts(
    runtime: HfRuntime, preset: Preset, options: dict[str, str], paths: list[str]
) -> None:
    problems = [*runtime.check(preset, runtime.configure(options, {}))]
    assert [problem.path for problem in problems] == paths
    assert all("gpt-oss" in problem.message and problem.hint.startswith("leave it out") for problem in problems)


def test_a_format_of_the_preset_that_it_does_not_read_is_noted_with_who_does(runtime: HfRuntime) -> None:
    other = replace(PRESET, tool_call_parser="pythonic", reasoning_parser="ernie45")
    calls, reasoning = runtime.notes(other, FIT, runtime.configure({}, {}))
    assert calls == (
        "hf reads no tool calls of the format pythonic (tiny): requests with tools are refused; "
        "inference.runtime: vllm reads them"
    )
    assert "no reasoning of the format ernie45 (tiny): it stays in the answer" in reasoning
    assert served(runtime, preset=other)[1].reasoning_parser is None
    chosen = runtime.configure({"toolCallParser": "hermes", "reasoningParser": "none"}, {})
    assert runtime.notes(other, FIT, chosen) == runtime.notes(PRESET, FIT, chosen) == ()


def test_an_adapter_that_is_named_raises_the_greatest_rank(runtime: HfRuntime) -> None:
    large = (replace(ADAPTERS[0], rank=64), *ADAPTERS[1:])
    assert served(runtime, adapters=large, options={"maxLoraRank": 8})[1].max_lora_rank == 64
    assert served(runtime, adapters=ADAPTERS, options={"maxLoraRank": 8})[1].max_lora_rank == 8
    assert served(runtime, adapters=large)[1].max_lora_rank == 512


def test_adapters_are_loaded_from_the_registries_that_are_named(runtime: HfRuntime) -> None:
    launch, options = served(runtime, options={"adapterRegistries": ["ghcr.io/team", "127.0.0.1:5000"]})
    assert launch.main.env["LLMWRIGHT_API_KEY"] == replace(API_KEY, optional=False), "a pod does not start without"
    assert options.adapter_registries == ("ghcr.io/team", "127.0.0.1:5000")
    with pytest.raises(InvalidWorkspace):
        runtime.configure({"adapterRegistries": ["oci://ghcr.io"]}, {})


def test_secrets_with_logins_to_registries_are_mounted_where_the_server_looks(runtime: HfRuntime) -> None:
    named = {"adapterRegistries": ["ghcr.io/team"], "adapterPullSecrets": ["team-registry", "other"]}
    launch, _ = served(runtime, options=named)
    (volume,) = (each for each in launch.volumes if each.kind == "secret")
    assert volume.source == ("team-registry", "other")
    assert launch.main.env["DOCKER_CONFIG"] == f"$(volume.{volume.name})"
    assert [mount.read_only for mount in launch.main.mounts if mount.volume == volume.name] == [True]
    assert "DOCKER_CONFIG" not in served(runtime)[0].main.env
    with pytest.raises(InvalidWorkspace):
        runtime.configure({"adapterPullSecrets": ["No Secret"]}, {})


@pytest.mark.parametrize("wrong", [{"adapterDirectories": ["a"]}, {"adapterDirectories": ["/"]}, {"maxLoraRank": 513}])
def test_directories_and_ranks_are_within_bounds(runtime: HfRuntime, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkspace):
        runtime.configure(wrong, {})
