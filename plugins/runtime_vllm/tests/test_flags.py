"""The flags that the plan computes for the engine."""

from __future__ import annotations

from dataclasses import replace

import pytest
from plugins.runtime_vllm.tests.support.launches import A100, FIT, GIB, PRESET, engine_argv, flags, launched

from llmwright.testing import make_context
from llmwright.testing.presets import make_adapter
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright_runtime_vllm.driver import VllmRuntime
from llmwright_runtime_vllm.engine_flags import RELEASES, Release, flags_of

JOINED = {"distributed-executor-backend", "nnodes", "node-rank", "master-addr", "master-port"}


def test_weights_are_pinned_with_their_code(runtime: VllmRuntime) -> None:
    found = flags(launched(runtime))
    assert launched(runtime).main.argv[:3] == ("vllm", "serve", "acme/Tiny")
    assert (found["revision"], found["code-revision"]) == ("abc", "abc")
    assert found["download-dir"] == "$(volume.model)"
    assert "revision" not in flags(launched(runtime, preset=replace(PRESET, revision="main")))


def test_the_share_of_memory_is_smaller_on_an_a10(runtime: VllmRuntime) -> None:
    a10 = replace(FIT, instance_type=replace(A100, gpu_model="NVIDIA A10"))
    assert flags(launched(runtime))["gpu-memory-utilization"] == "0.84"
    assert flags(launched(runtime, a10))["gpu-memory-utilization"] == "0.82"
    assert flags(launched(runtime, a10, options={"gpuMemoryUtilization": 0.5}))["gpu-memory-utilization"] == "0.5"


CACHE = "kv-cache-memory-bytes"
HERE = InstanceType(name="local", cloud="local", cpus=2, memory_bytes=16 * GIB)


def on_a_processor(cache: int, budget: int) -> Fit:
    """A Fit whose cache for one sequence takes so many bytes, and all of it 10 more."""
    terms = (MemoryTerm("weights", 10), MemoryTerm("KV cache", cache))
    return replace(FIT, instance_type=HERE, gpus=0, terms=terms, budget_bytes=budget)


@pytest.mark.parametrize(
    ("cache", "budget", "bytes_"),
    [
        (100, 16 * GIB, 6400),
        (100, 500, 490),
        (100, 50, 100),
        (GIB, 16 * GIB, 5 * GIB),
    ],
    ids=["64 sequences", "what the machine has", "one sequence at least", "4 GiB beside the first"],
)
def test_the_cache_of_a_processor_is_no_share_of_all_memory(
    runtime: VllmRuntime, cache: int, budget: int, bytes_: int
) -> None:
    assert flags(launched(runtime, on_a_processor(cache, budget)))[CACHE] == str(bytes_)


def test_a_share_that_the_user_gives_counts_on_a_processor_too(runtime: VllmRuntime) -> None:
    here = on_a_processor(100, GIB)
    assert CACHE not in flags(launched(runtime, here, options={"gpuMemoryUtilization": 0.5}))
    for name in ("gpu-memory-utilization", "gpu_memory_utilization"):
        assert not [word for word in engine_argv(runtime, f"{{{name}: 0.5}}", fit=here) if CACHE in word]
    (own,) = (word for word in engine_argv(runtime, f"{{{CACHE}: 77}}", fit=here) if CACHE in word)
    assert own == f"--{CACHE}=77"
    assert CACHE not in flags(launched(runtime))


def test_a_quantised_model_chooses_its_own_dtype(runtime: VllmRuntime) -> None:
    assert flags(launched(runtime))["dtype"] == "bfloat16"
    assert flags(launched(runtime, preset=replace(PRESET, quantization="fp8")))["dtype"] == "auto"
    assert flags(launched(runtime, replace(FIT, dtype="float16")))["dtype"] == "float16"


@pytest.mark.parametrize(
    ("fit", "names"),
    [
        (replace(FIT, gpus=8, tensor_parallel=8), set()),
        (replace(FIT, gpus=4, tensor_parallel=2, pipeline_parallel=2), {"pipeline-parallel-size"}),
        (replace(FIT, gpus=2, data_parallel=2), {"data-parallel-size"}),
        (replace(FIT, nodes=3, pipeline_parallel=3), {"pipeline-parallel-size", *JOINED}),
    ],
)
def test_parallelism_decides_flags(runtime: VllmRuntime, fit: Fit, names: set[str]) -> None:
    found = flags(launched(runtime, fit))
    assert found.keys() - flags(launched(runtime)).keys() == names
    assert found["tensor-parallel-size"] == str(fit.tensor_parallel)


@pytest.mark.parametrize("release", RELEASES)
def test_every_release_takes_the_flags_that_are_computed(release: Release) -> None:
    """Also those for several machines, of which no parser is asked here."""
    runtime = VllmRuntime(make_context(settings={"version": release}))
    presets = (replace(PRESET, tool_call_parser="hermes", reasoning_parser="qwen3", chat_template="a.jinja"), PRESET)
    for fit in (FIT, replace(FIT, nodes=2, pipeline_parallel=2), replace(FIT, gpus=2, data_parallel=2)):
        for preset in presets:
            launch = launched(
                runtime, fit, preset=preset, options={"role": "decode"}, adapters=(make_adapter(rank=64),)
            )
            words = [*launch.main.argv, *(launch.ranks.worker if launch.ranks else ())]
            written = [word[2:].partition("=") for word in words if word.startswith("--")]
            plain = ((name, value) for name, _, value in written if "$(" not in value)
            problems = [flags_of(release).problem(name, value) for name, value in plain]
            assert [problem for problem in problems if problem] == []


def test_on_one_machine_the_engine_is_reached_by_loopback_alone(runtime: VllmRuntime) -> None:
    here = replace(FIT, instance_type=replace(A100, cloud="local"), context=96)
    preset = replace(PRESET, chat_template="tool-chat-hermes.jinja")
    found = flags(launched(runtime, here, preset=preset))
    assert (found["host"], found["port"], found["max-model-len"]) == ("$(host)", "$(port.http)", "96")
    assert "kv-events-config" not in found, "the engine binds a fixed port on all interfaces for them"
    assert "chat-template" not in found, "the file is in the image only"
    assert "download-dir" not in found, "the hub's own cache is there already"


def test_a_preset_s_own_words_reach_the_command_line(runtime: VllmRuntime) -> None:
    preset = replace(
        PRESET,
        tool_call_parser="hermes",
        reasoning_parser="qwen3",
        chat_template="tool-chat-llama3.1-json.jinja",
        flags={"vllm": {"load_format": "mistral", "enable-expert-parallel": True}, "vllm.env": {"A": "1"}},
    )
    launch = launched(runtime, preset=preset)
    found = flags(launch)
    assert (found["tool-call-parser"], found["reasoning-parser"]) == ("hermes", "qwen3")
    assert "enable-auto-tool-choice" in found
    assert found["chat-template"] == "/vllm-workspace/examples/tool_chat_template_llama3.1_json.jinja"
    assert (found["load_format"], found["tokenizer_mode"]) == ("mistral", "auto")
    assert found["enable-expert-parallel"] is None
    assert launch.main.env["A"] == "1"


def test_only_safetensors_are_loaded_unless_the_preset_names_another_format(runtime: VllmRuntime) -> None:
    assert flags(launched(runtime))["load_format"] == "safetensors"


def test_adapters_are_served_by_name(runtime: VllmRuntime) -> None:
    launch = launched(runtime, adapters=(make_adapter(name="a", path="/a"), make_adapter(name="b", path="/b")))
    place = launch.main.argv.index("--lora-modules")
    assert launch.main.argv[place + 1 : place + 3] == ("a=/a", "b=/b")
    assert "--enable-lora" in launch.main.argv


def test_on_a_processor_one_place_for_adapters_stays_empty(runtime: VllmRuntime) -> None:
    """Of the last place vLLM's build for processors takes the weights for the base."""
    two = (make_adapter(name="a"), make_adapter(name="b"))
    bare = replace(FIT, gpus=0)
    assert flags(launched(runtime, bare, adapters=two))["max-loras"] == "3"
    hot = launched(runtime, bare, adapters=two, options={"adapterDirectories": ["/adapters"]})
    assert flags(hot)["max-loras"] == "11"
    assert "max-loras" not in flags(launched(runtime, adapters=two))
    assert "max-loras" not in flags(launched(runtime, bare))


@pytest.mark.parametrize(("ranks", "flag"), [((None,), None), ((16,), None), ((24, None), "32"), ((8, 260), "320")])
def test_the_engine_loads_adapters_of_every_rank_that_is_known(
    runtime: VllmRuntime, ranks: tuple[int | None, ...], flag: str | None
) -> None:
    adapters = tuple(make_adapter(name=f"a{number}", rank=rank) for number, rank in enumerate(ranks))
    assert flags(launched(runtime, adapters=adapters)).get("max-lora-rank") == flag


def test_an_only_adapter_is_served_with_its_own_template(runtime: VllmRuntime) -> None:
    own = make_adapter(name="a", path="$(volume.results)", chat_template="$(volume.results)/chat_template.jinja")
    preset = replace(PRESET, chat_template="tool.jinja")
    assert flags(launched(runtime, preset=preset, adapters=(own,)))["chat-template"] == own.chat_template
    several = launched(runtime, preset=preset, adapters=(own, make_adapter(name="b")))
    assert flags(several)["chat-template"] == "/vllm-workspace/examples/tool.jinja"


def test_an_only_adapter_is_served_with_the_template_and_the_ends_of_its_training(runtime: VllmRuntime) -> None:
    results = "$(volume.results)"
    own = make_adapter(name="a", path=results, tokenizer_template=True, generation_config=results)
    preset = replace(PRESET, chat_template="tool.jinja")
    found = flags(launched(runtime, preset=preset, adapters=(own,)))
    assert "chat-template" not in found, "the tokenizer's own is served, with which it was tuned"
    assert found["generation-config"] == "$(volume.results)"
    several = flags(launched(runtime, preset=preset, adapters=(own, make_adapter(name="b"))))
    assert several["chat-template"] == "/vllm-workspace/examples/tool.jinja"
    assert "generation-config" not in several
    stranger = flags(launched(runtime, preset=preset, adapters=(make_adapter(name="b"),)))
    assert stranger["chat-template"] == "/vllm-workspace/examples/tool.jinja"
    assert "generation-config" not in stranger


@pytest.mark.parametrize(("mode", "flag"), [("balanced", False), ("interactivity", True)])
def test_performance_mode_unless_balanced(runtime: VllmRuntime, mode: str, flag: bool) -> None:
    assert ("performance-mode" in flags(launched(runtime, options={"performanceMode": mode}))) is flag


def test_local_weights_are_read_where_they_lie(runtime: VllmRuntime) -> None:
    launch = launched(runtime, options={"localWeights": "true"})
    found = flags(launch)
    assert launch.main.argv[2] == "$(volume.model)"
    assert found["load-format"] == "runai_streamer"
    assert not found.keys() & {"load_format", "download-dir", "revision"}
    (volume,) = (volume for volume in launch.volumes if volume.name == "model")
    assert volume.source == {"hostPath": {"path": "/opt/kaito/models/acme-tiny", "type": "Directory"}}
    assert "download-dir" in flags(launched(runtime, options={"localWeights": "True"}))


@pytest.mark.parametrize("needs", [False, True])
def test_code_of_the_repository_runs_for_presets_that_need_it_only(runtime: VllmRuntime, needs: bool) -> None:
    """The preset that a driver gets needs code only where the settings allow it."""
    sneaky = {"vllm": {"trust-remote-code": True, "trust_remote_code": ""}}
    made = flags(launched(runtime, preset=replace(PRESET, remote_code=needs, flags=sneaky)))

    assert [name for name in made if "trust" in name] == (["trust-remote-code"] if needs else [])
