"""What vLLM is run with."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.declarations import ADAPTER_METRIC, COMMON_METRICS
from llmwright.testing import make_context
from llmwright.testing.presets import make_adapter, make_preset
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.launch import API_KEY, Exec, HttpGet, Launch
from llmwright_runtime_vllm.driver import VllmRuntime
from llmwright_runtime_vllm.engine_flags import RELEASES, Release, flags_of

GIB = 1024**3
JOINED = {"distributed-executor-backend", "nnodes", "node-rank", "master-addr", "master-port"}
A100 = InstanceType(name="a100", cloud="azure", gpus=1, gpu_model="NVIDIA A100", gpu_memory_bytes=80 * GIB)
FIT = Fit(instance_type=A100, gpus=1, dtype="bfloat16")
PRESET = make_preset(source="hf://acme/Tiny", revision="abc", distributable=True)


@pytest.fixture
def runtime() -> VllmRuntime:
    return VllmRuntime(make_context())


def launched(runtime: VllmRuntime, fit: Fit = FIT, files: dict[str, str] | None = None, **given: Any) -> Launch:
    preset = given.pop("preset", PRESET)
    config = runtime.configure(given.pop("options", {}), files or {})
    return runtime.launch(preset, fit, given.pop("adapters", ()), config)


def flags(launch: Launch) -> dict[str, str | None]:
    found = (part[2:].partition("=") for part in launch.main.argv if part.startswith("--"))
    return {name: value if equals else None for name, equals, value in found}


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


def test_several_machines_meet_by_the_engine_itself(runtime: VllmRuntime) -> None:
    launch = launched(runtime, replace(FIT, nodes=3, pipeline_parallel=3))
    assert launch.ranks is not None
    assert launch.ranks.leader == (), "nothing stands before the engine"
    own = {"--node-rank=0"}
    assert set(launch.main.argv) - set(launch.ranks.worker) == own
    assert set(launch.ranks.worker) - set(launch.main.argv) == {"--node-rank=$(rank)", "--headless"}
    assert {"--nnodes=3", "--master-addr=$(leader)", "--master-port=29500"} <= {*launch.ranks.worker}
    assert launch.ranks.rendezvous_port == 29500
    probes = (launch.main.startup, launch.main.live, launch.main.ready)
    assert all(probe is not None and isinstance(probe.check, Exec) for probe in probes)
    assert launched(runtime).ranks is None


def test_no_process_of_ours_is_in_the_pod(runtime: VllmRuntime) -> None:
    """The engine's own program in its own image; no process of ours is beside it or asks it."""
    for fit in (FIT, replace(FIT, nodes=2, pipeline_parallel=2)):
        launch = launched(runtime, fit, options={"enginePlugin": False})
        assert launch.main.argv[:2] == ("vllm", "serve")
        assert launch.images[launch.main.image] == "vllm/vllm-openai:v0.32.0"
        assert "llmwright" not in str(launch.main.argv) + str(launch.ranks) + str(launch.main.ready)
        assert not launch.prepare
        assert not launch.beside


def test_the_plugin_is_laid_beside_the_engine(runtime: VllmRuntime, tmp_path: Path) -> None:
    """By the shell of the engine's own image, as files that its Python takes for an installed package."""
    launch = launched(runtime)
    (copying,) = launch.prepare
    assert copying.image == launch.main.image
    argv = [word.replace("$(volume.engine-plugin)", str(tmp_path)) for word in copying.argv]
    for _ in range(2):
        subprocess.run(argv, check=True)
    found = "from importlib.metadata import entry_points as e; (p,) = e(group='vllm.endpoint_plugins')"
    code = f"{found}; print(p.name, p.load()().name, p.load().__module__)"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert done.stdout.split() == ["llmwright", "llmwright", "llmwright_engine_plugin.routes"], done.stderr
    assert launch.main.env["PYTHONPATH"] == "$(volume.engine-plugin)"
    assert launch.main.env["VLLM_PLUGINS"] == "llmwright"
    own = launched(runtime, preset=replace(PRESET, flags={"vllm.env": {"VLLM_PLUGINS": "acme"}}))
    assert own.main.env["VLLM_PLUGINS"] == "acme,llmwright"
    assert launched(runtime, options={"enginePlugin": False}).main.argv == launch.main.argv


def test_adapters_are_loaded_while_it_runs_only_where_that_is_asked_for(runtime: VllmRuntime) -> None:
    options = {"adapterDirectories": ["/srv/a", "/srv/b"]}
    launch = launched(runtime, options=options)
    env = launch.main.env
    assert env["LLMWRIGHT_ADAPTER_DIRECTORIES"] == "/srv/a:/srv/b"
    assert env["VLLM_ALLOW_RUNTIME_LORA_UPDATING"] == "1"
    assert env["VLLM_API_KEY"] == replace(API_KEY, optional=False), "a pod does not start without"
    assert "--enable-lora" in launch.main.argv
    assert options.keys() == VllmRuntime.keyed_options
    ranked = launched(runtime, options={**options, "maxLoraRank": 40}).main.argv
    assert "--max-lora-rank=64" in ranked, "the next that the engine knows"
    plain = launched(runtime)
    assert not {"VLLM_ALLOW_RUNTIME_LORA_UPDATING", "LLMWRIGHT_ADAPTER_DIRECTORIES"} & plain.main.env.keys()


@pytest.mark.parametrize(
    "options",
    [
        {"adapterDirectories": ["adapters"]},
        {"adapterDirectories": ["/"]},
        {"adapterDirectories": ["/a:/b"]},
        {"adapterDirectories": ["/srv"], "enginePlugin": False},
    ],
)
def test_a_source_of_adapters_is_a_directory_that_the_plugin_guards(
    runtime: VllmRuntime, options: dict[str, Any]
) -> None:
    with pytest.raises(InvalidWorkspace):
        runtime.configure(options, {})


def test_the_settings_name_program_and_release() -> None:
    runtime = VllmRuntime(make_context(settings={"program": "/opt/vllm/bin/vllm", "version": "0.31.0"}))
    launch = launched(runtime)
    assert launch.main.argv[0] == runtime.program() == "/opt/vllm/bin/vllm"
    assert launch.images["vllm"] == "vllm/vllm-openai:v0.31.0"
    with pytest.raises(InvalidWorkspace, match=r"vLLM 0\.31\.0 has no flag --grpc-port"):
        engine_argv(runtime, "{grpc-port: 5002}")


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


@pytest.mark.parametrize("line", ["load-format: pt", "load_format: NPCACHE", "--load-format: pt"])
def test_a_config_that_asks_for_pickles_is_refused(runtime: VllmRuntime, line: str) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        runtime.configure({}, {"inference_config.yaml": f"vllm: {{{line}}}"})
    problem = refused.value.problems[0]
    assert (problem.path, problem.reason) == (f"inference_config.yaml:vllm.{line.partition(':')[0]}", "UnsafeWeights")


def test_adapters_are_served_by_name(runtime: VllmRuntime) -> None:
    launch = launched(runtime, adapters=(make_adapter(name="a", path="/a"), make_adapter(name="b", path="/b")))
    place = launch.main.argv.index("--lora-modules")
    assert launch.main.argv[place + 1 : place + 3] == ("a=/a", "b=/b")
    assert "--enable-lora" in launch.main.argv


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


def test_decoding_stands_behind_a_sidecar(runtime: VllmRuntime) -> None:
    launch = launched(runtime, options={"role": "decode"})
    assert flags(launch)["port"] == "$(port.engine)"
    assert launch.ports["engine"] == 5001
    assert launch.main.ready is not None
    assert launch.main.ready.check == HttpGet("/health", "engine")
    (sidecar,) = launch.beside
    assert launch.images[sidecar.image].endswith(":v0.8.0")
    assert "NixlConnector" in str(flags(launch)["kv-transfer-config"])
    prefill = launched(runtime, options={"role": "prefill"})
    assert not prefill.beside
    assert prefill.main.env["VLLM_NIXL_SIDE_CHANNEL_HOST"] == "$(address)"
    assert launched(runtime, options={"role": "both"}).main.env.keys() == launched(runtime).main.env.keys()


def test_a_context_in_the_file_is_planned_with(runtime: VllmRuntime) -> None:
    files = {"inference_config.yaml": "vllm:\n  max-model-len: 4096\n"}
    config = runtime.configure({"maxModelLen": 64}, files)
    assert config.max_model_len == 4096
    assert flags(runtime.launch(PRESET, FIT, (), config))["max-model-len"] == "4096"
    assert flags(launched(runtime, options={"maxModelLen": 64}))["max-model-len"] == "64"


def engine_argv(runtime: VllmRuntime, text: str, **given: Any) -> list[str]:
    return list(launched(runtime, files={"inference_config.yaml": f"vllm: {text}"}, **given).main.argv)


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


@pytest.mark.parametrize("options", [{"maxModelLen": 1}, {"gpuMemoryUtilization": 2}, {"maxModeLen": 64}])
def test_wrong_options_are_refused_with_their_path(runtime: VllmRuntime, options: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        runtime.configure(options, {})
    assert caught.value.problems[0].path == next(iter(options))


def test_what_it_cannot_serve(runtime: VllmRuntime) -> None:
    assert "needs a GPU" in (runtime.refuses(PRESET, replace(FIT, gpus=0)) or "")
    whole = replace(PRESET, distributable=False)
    assert "cannot be spread" in (runtime.refuses(whole, replace(FIT, nodes=2)) or "")
    assert "do not divide over 4 GPUs" in (runtime.refuses(whole, replace(FIT, gpus=4, pipeline_parallel=4)) or "")
    assert runtime.refuses(PRESET, FIT) is None


def test_the_control_half_is_light() -> None:
    code = "import sys, llmwright_runtime_vllm.driver; print([m for m in ('torch', 'vllm') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("needs", [False, True])
def test_code_of_the_repository_runs_for_presets_that_need_it_only(runtime: VllmRuntime, needs: bool) -> None:
    """The preset that a driver gets needs code only where the settings allow it."""
    sneaky = {"vllm": {"trust-remote-code": True, "trust_remote_code": ""}}
    made = flags(launched(runtime, preset=replace(PRESET, remote_code=needs, flags=sneaky)))

    assert [name for name in made if "trust" in name] == (["trust-remote-code"] if needs else [])


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


def test_the_common_metrics_are_the_engine_s() -> None:
    """``metrics.txt`` has what a real engine showed; ``tests/e2e/test_swap.py`` asks one again in long runs."""
    shown = set(Path(__file__).with_name("metrics.txt").read_text().splitlines())
    assert {*COMMON_METRICS, ADAPTER_METRIC, *VllmRuntime.load_metrics} <= shown
