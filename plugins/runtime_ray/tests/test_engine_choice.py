"""Which engine serves: by option, machine, preset and what else is asked. Demand and plan agree."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic.alias_generators import to_camel

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.demand import Demand
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.selection import able_of, objections
from llmwright.testing import make_context, make_instance_type
from llmwright.testing.presets import make_adapter, make_fit, make_preset
from llmwright.values.copies import Copies
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_ray.command_line import flags_of
from llmwright_runtime_ray.driver import RayRuntime
from llmwright_runtime_ray.llm_launch import REFUSED
from llmwright_runtime_ray.ray_config import HF_ALONE, RayConfig
from llmwright_runtime_vllm.driver import VllmRuntime
from llmwright_runtime_vllm.engine_plugin import fetch_model

A100 = make_instance_type(
    name="a100", cloud="acme", gpus=2, gpu_memory_bytes=80 * 2**30, gpu_model="NVIDIA A100", compute_capability=(8, 0)
)
T4 = replace(A100, name="t4", gpu_model="NVIDIA T4", compute_capability=(7, 5))
PROCESSOR = replace(A100, name="cpu", gpus=0, gpu_model="", compute_capability=None)
HERE = replace(A100, cloud="local")
PRESET = make_preset(runtimes=("vllm", "hf"), distributable=True)

CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str, str]] = {
    "GPUs of a cluster": ({}, {}, "vllm", "nothing here speaks against vLLM"),
    "an old GPU": ({"machine": T4}, {}, "hf", "NVIDIA T4 has compute capability 7.5, and vLLM needs 8.0"),
    "no GPU": ({"machine": PROCESSOR}, {}, "hf", "cpu has no GPU"),
    "this machine": ({"target": "local", "machine": HERE}, {}, "hf", "on one machine vllm has to be named"),
    "this machine, named": ({"target": "local", "machine": HERE}, {"engine": "vllm"}, "vllm", "the option engine"),
    "named": ({}, {"engine": "hf"}, "hf", "the option engine names it"),
    "weights quantised while they load": ({}, {"quantization": "nf4"}, "hf", "only hf has the option quantization"),
    "not quantised": ({}, {"quantization": "none"}, "vllm", ""),
    "threads": ({}, {"threads": 2}, "hf", "only hf has the option threads"),
    "a strength": ({"strengths": (0,)}, {}, "hf", "only hf has a strength"),
    "an option of vLLM": ({"machine": T4}, {"gpuMemoryUtilization": 0.5}, "vllm", "only vllm has the option"),
    "an option of vLLM in Python's spelling": (
        {"target": "local", "machine": HERE},
        {"gpu_memory_utilization": 0.5},
        "vllm",
        "only vllm has the option",
    ),
    "a preset that vLLM does not serve": ({"preset": replace(PRESET, runtimes=("hf",))}, {}, "hf", "is not served by"),
    "an engine that nobody knows": ({}, {"engine": ["x"]}, "vllm", ""),
    "a machine that is not known": ({"machine": None}, {}, "vllm", ""),
}


def demand(**facts: Any) -> Demand:
    return Demand(**{"target": "kubernetes", "preset": PRESET, "machine": A100, **facts})


@pytest.mark.parametrize("name", CASES)
def test_the_engine_follows_from_what_is_asked(name: str) -> None:
    facts, options, engine, why = CASES[name]
    choice = RayRuntime.engine(demand(options=options, **facts))
    assert (choice.name, why in choice.why) == (engine, True), choice


def launched(options: dict[str, Any], files: dict[str, str] | None = None, **facts: Any) -> Launch:
    runtime = RayRuntime(make_context())
    config = runtime.configure(options, files or {})
    parallel = {"tensor_parallel": 2, "dtype": "bfloat16"}
    fit = make_fit(**{"instance_type": A100, "gpus": 2, **parallel, **facts.pop("fit", {})})
    adapters = tuple(facts.pop("adapters", ()))
    return runtime.launch(facts.pop("preset", PRESET), fit, adapters, config)


@pytest.mark.parametrize("name", [each for each in CASES if CASES[each][0].get("machine", A100) and "x" not in each])
def test_the_plan_starts_the_engine_that_was_chosen(name: str) -> None:
    facts, options, engine, _ = CASES[name]
    if not isinstance(options.get("engine", ""), str):
        return
    machine = facts.get("machine", A100)
    adapters = [make_adapter(strength=0.5)] if "strengths" in facts else []
    fit: dict[str, Any] = {"instance_type": machine, "gpus": machine.gpus}
    launch = launched(options, preset=facts.get("preset", PRESET), adapters=adapters, fit=fit)
    assert launch.main.image == {"hf": "ray", "vllm": "ray-llm"}[engine]


def test_weights_that_the_plan_quantises_are_hf_s() -> None:
    assert launched({}, fit={"quantization": "nf4"}).main.image == "ray"


def test_capabilities_are_those_of_the_engine() -> None:
    copies: dict[str, Any] = {"scales_itself": True, "hot_adapters": False}
    assert able_of(RayRuntime, demand()) == replace(VllmRuntime.capabilities, **copies)
    assert able_of(RayRuntime, demand(options={"engine": "hf"})) == replace(HfRuntime.capabilities, **copies)


ALONE = DriverSet.of_classes(runtimes={"ray": RayRuntime, "hf": HfRuntime})
REFUSALS: dict[str, tuple[Demand, str, str]] = {
    "strengths": (
        demand(adapters=1, strengths=(0,), options={"engine": "vllm"}),
        "ray with the engine vllm has no adapter strength",
        "remove it, or write runtimeConfig.engine: hf, or write runtime: hf",
    ),
    "a processor": (
        demand(machine=PROCESSOR, options={"engine": "vllm"}),
        "ray with the engine vllm needs a GPU, and cpu has none",
        "write runtimeConfig.engine: hf, or write runtime: hf",
    ),
    "an old GPU": (
        demand(machine=T4, options={"engine": "vllm"}),
        "NVIDIA T4 has compute capability 7.5, and ray with the engine vllm needs 8.0",
        "choose a newer GPU, or write runtimeConfig.engine: hf, or write runtime: hf",
    ),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_the_engine_lacks_is_refused_with_the_other(name: str) -> None:
    asked, message, hint = REFUSALS[name]
    (problem,) = objections("ray", RayRuntime, asked, ALONE)
    assert (problem.message, problem.hint) == (message, hint)


@pytest.mark.parametrize(
    ("options", "path", "words"),
    [
        ({"engine": "vllm", "quantization": "nf4"}, "engine", "vllm has no option quantization; write engine: hf"),
        ({"engine": "vllm", "threads": 2}, "engine", "vllm has no option threads"),
        ({"engine": "hf", "gpuMemoryUtilization": 0.5}, "gpuMemoryUtilization", "write engine: vllm"),
        (
            {"quantization": "nf4", "performanceMode": "throughput"},
            "performanceMode",
            "quantization is one of hf alone",
        ),
        ({"engine": "sglang"}, "engine", "'hf' or 'vllm'"),
    ],
)
def test_an_option_of_the_other_engine_is_refused(options: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        RayRuntime(make_context()).configure(options, {})
    (problem,) = caught.value.problems
    assert problem.path == path
    assert words in problem.message


def vllm_flags(launch: Launch) -> tuple[str, ...]:
    flags = flags_of(launch)
    return flags[flags.index("--") + 1 :]


def own_flags(launch: Launch) -> dict[str, str]:
    flags = flags_of(launch)
    words = flags[: flags.index("--")]
    return {word: words[place + 1] for place, word in enumerate(words[:-1]) if word.startswith("--")}


def test_vllm_s_flags_are_those_of_its_runtime_without_what_ray_does() -> None:
    flags = vllm_flags(launched({"maxModelLen": 4096, "dtype": "float16", "maxNumSeqs": 8}))
    assert {"--max-model-len=4096", "--dtype=float16", "--max-num-seqs=8", "--tensor-parallel-size=2"} <= {*flags}
    names = [flag.partition("=")[0] for flag in flags if flag.startswith("--")]
    assert len(names) == len({*names})
    left = {"--served-model-name", "--shutdown-timeout", "--kv-events-config", "--host", "--port", "--nnodes"}
    assert not left & {*names}


WITH_VLLM: dict[str, Any] = {
    "dtype": "float16",
    "maxModelLen": 1024,
    "chatTemplate": "{{ messages }}",
    "allowedHosts": ["model.example"],
    "allowedOrigins": ["https://app.example"],
    "page": False,
    "toolCallParser": "hermes",
    "reasoningParser": "qwen3",
    "maxNumSeqs": 3,
    "maxNumBatchedTokens": 1024,
    "enablePrefixCaching": False,
    "maxNSequences": 2,
    "maxLoraRank": 64,
    "maxQueuedRequests": 7,
    "maxOngoingRequests": 9,
    "upscaleDelayS": 1,
    "downscaleDelayS": 2,
    "replicaCpus": 3,
    "gpuMemoryUtilization": 0.5,
    "performanceMode": "throughput",
    "maxNumAdaptersPerReplica": 1,
}
"""A value of each option that vLLM has beneath Ray."""
REFUSED_OPTIONS = {"adapterDirectories", "adapterRegistries", "adapterPullSecrets"}
"""Options of ``hf`` that ``ray`` refuses with either engine: a copy would not tell the others."""


def test_every_option_is_carried_out_with_vllm_or_refused() -> None:
    names = {to_camel(name) for name in RayConfig.model_fields}
    assert names == WITH_VLLM.keys() | {*HF_ALONE} | {"engine", *REFUSED_OPTIONS}
    adapters = (make_adapter(strength=None), make_adapter(name="other", strength=None))
    plain = launched({"engine": "vllm"}, adapters=adapters).main
    for name, value in WITH_VLLM.items():
        asked = launched({"engine": "vllm", name: value}, adapters=adapters).main
        assert (asked.argv, asked.env) != (plain.argv, plain.env), name


def test_the_config_s_flags_win_and_unknown_ones_are_refused() -> None:
    file = {"inference_config.yaml": "vllm: {max-model-len: 2048, enable-prefix-caching: false, dtype: float16}\n"}
    flags = vllm_flags(launched({}, file))
    assert {"--max-model-len=2048", "--no-enable-prefix-caching", "--dtype=float16"} <= {*flags}
    with pytest.raises(InvalidWorkspace, match=r"vLLM 0\.29\.0 has no flag --no-such"):
        launched({}, {"inference_config.yaml": "vllm: {no-such: 1}\n"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("served-model-name", "mine"),
        ("lora-modules", "a=/b"),
        ("data-parallel-size-local", "2"),
        ("allowed-origins", "'[\"*\"]'"),
    ],
)
def test_a_flag_that_ray_serve_does_not_carry_out_is_refused_with_the_reason(name: str, value: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        launched({}, {"inference_config.yaml": f"vllm: {{{name}: {value}}}\n"})
    (problem,) = caught.value.problems
    assert problem.path == f"inference_config.yaml:vllm.{name}"
    assert problem.message.startswith("cannot be set here: ")
    assert problem.hint == "leave the line out, or write runtime: vllm"


def test_what_is_refused_are_flags_that_there_are() -> None:
    known = RayRuntime(make_context())._known
    assert [name for name in REFUSED if known.find(name) is None and name not in LATER] == []


LATER = {"grpc", "grpc-port", "enable-offline-docs", "h11-max-header-count"}


def test_one_replica_over_two_machines_takes_the_gpus_of_both() -> None:
    launch = launched({}, fit={"nodes": 2, "tensor_parallel": 2, "pipeline_parallel": 2})
    assert own_flags(launch)["--replica-gpus"] == "4"
    assert launch.main.gpus == 2
    assert launch.ranks is not None
    assert launch.ranks.count == 2
    assert "--pipeline-parallel-size=2" in vllm_flags(launch)
    assert not [flag for flag in vllm_flags(launch) if flag.startswith(("--nnodes", "--node-rank", "--master"))]


def test_copies_beside_each_other_on_one_machine_are_replicas() -> None:
    copies = Copies(lowest=1, highest=3, start=1)
    launch = launched({}, fit={"tensor_parallel": 1, "data_parallel": 2, "copies": copies})
    flags = own_flags(launch)
    assert (flags["--min-replicas"], flags["--max-replicas"], flags["--replica-gpus"]) == ("2", "6", "1")
    assert "--max-replicas-per-node" not in flags
    assert not [flag for flag in vllm_flags(launch) if flag.startswith("--data-parallel")]


def test_the_pod_is_ray_s_own_image_with_our_packages_beside() -> None:
    launch = launched({})
    assert launch.images == {"ray-llm": "rayproject/ray-llm:2.60.0-py312-cu130"}
    (packages,) = launch.prepare
    assert (packages.name, packages.image) == ("packages", "workload")
    assert launch.main.env["PYTHONPATH"] == "$(volume.packages)"
    assert launch.main.env["RAYLLM_ENABLE_REQUEST_PROMPT_LOGS"] == "0"
    here = launched({"engine": "vllm"}, fit={"instance_type": HERE})
    assert (here.prepare, "PYTHONPATH" in here.main.env) == ((), False)


def test_a_model_of_the_hub_is_fetched_in_the_same_image_before_ray_starts() -> None:
    launch = launched({}, preset=replace(PRESET, source="hf://acme/tiny", revision="abc"))
    packages, fetches = launch.prepare
    assert packages.name == "packages", "its files come first"
    assert (fetches.name, fetches.image) == ("fetch-model", "ray-llm")
    assert fetches.argv[:3] == ("$(python)", "-m", fetch_model.__name__)
    assert fetches.env["PYTHONPATH"] == launch.main.env["PYTHONPATH"]


def test_a_template_of_vllm_s_own_image_is_not_asked_of_ray_s() -> None:
    preset = replace(PRESET, chat_template="tool-chat-phi4-mini.jinja", tool_call_parser="phi4_mini_json")
    flags = vllm_flags(launched({}, preset=preset))
    assert not [flag for flag in flags if flag.startswith("--chat-template")]
    assert "--tool-call-parser=phi4_mini_json" in flags
    assert "--chat-template={{ messages }}" in vllm_flags(launched({"chatTemplate": "{{ messages }}"}, preset=preset))


def several(fit: Fit) -> str | None:
    return RayRuntime(make_context()).refuses(PRESET, fit)


def test_several_machines_are_vllm_s() -> None:
    assert several(make_fit(instance_type=A100, nodes=2, gpus=2)) is None
    assert several(make_fit(instance_type=T4, nodes=2, gpus=2)) == "a replica serves from one machine, and tiny needs 2"


def test_formats_that_hf_does_not_read_are_noted_where_it_serves() -> None:
    runtime, other = RayRuntime(make_context()), replace(PRESET, reasoning_parser="ernie45")
    named = {name: runtime.configure({"engine": name}, {}) for name in ("hf", "vllm")}
    fit = make_fit(instance_type=A100)
    assert "no reasoning of the format ernie45" in runtime.notes(other, fit, named["hf"])[0]
    assert runtime.notes(other, fit, named["vllm"]) == runtime.notes(PRESET, fit, named["hf"]) == ()


def test_reasoning_that_is_switched_off_is_off_with_vllm() -> None:
    thinking = replace(PRESET, reasoning_parser="qwen3")
    assert "--reasoning-parser=qwen3" in vllm_flags(launched({}, preset=thinking))
    assert "--reasoning-parser=" in vllm_flags(launched({"reasoningParser": "none"}, preset=thinking))
