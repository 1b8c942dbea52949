"""Which engine a copy runs: that of ``hf``, or vLLM by Ray Serve LLM; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from pydantic.alias_generators import to_camel

from llmwright.plugins.drivers import Demand, Engine
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Choice
from llmwright.values.preset import Preset
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_ray.ray_config import HF_ALONE, VLLM_ALONE, RayConfig, is_asked
from llmwright_runtime_vllm.driver import VllmRuntime

HF, VLLM = "hf", "vllm"
_OF_COPIES: Mapping[str, Any] = {"scales_itself": True, "hot_adapters": False}
"""A copy that Ray adds later would not know an adapter that was loaded into the others."""
ENGINES: Mapping[str, Engine] = {
    HF: Engine(replace(HfRuntime.capabilities, **_OF_COPIES), reads_config=False),
    VLLM: Engine(replace(VllmRuntime.capabilities, **_OF_COPIES), VllmRuntime.lowest_capability),
}
"""vLLM is the release that Ray Serve LLM pins, so what the ``vllm`` runtime declares of it holds here too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """All that decides. ``options`` are by their names in YAML; ``strengths``: an adapter has one."""

    options: Mapping[str, Any]
    preset: Preset | None
    machine: InstanceType | None
    here: bool
    strengths: bool
    quantized: bool = False


def engine_for_demand(demand: Demand) -> Choice:
    """Return the engine for a Workspace as it is written, and why."""
    return _chosen(
        _Work(
            options={to_camel(name): value for name, value in demand.options.items()},
            preset=demand.preset,
            machine=demand.machine,
            here=demand.target == "local",
            strengths=bool(demand.strengths),
        )
    )


def engine_for_launch(preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: RayConfig) -> str:
    """Return the engine for what was planned: the same as for the demand that the plan came from."""
    work = _Work(
        options=config.model_dump(by_alias=True),
        preset=preset,
        machine=fit.instance_type,
        here=fit.instance_type.cloud == "local",
        strengths=any(adapter.strength is not None for adapter in adapters),
        quantized=fit.quantization in HfRuntime.capabilities.quantizations,
    )
    return _chosen(work).name


def spreads(preset: Preset, fit: Fit) -> bool:
    """Whether the engine that is taken there by itself serves one model from several machines."""
    return engine_for_launch(preset, fit, (), RayConfig()) == VLLM


def _chosen(work: _Work) -> Choice:
    asked = work.options.get("engine")
    if isinstance(asked, str) and asked in ENGINES:
        return Choice(name=asked, why="the option engine names it")
    own = next((name for name in VLLM_ALONE if is_asked(work.options.get(name))), None)
    if own:
        return Choice(name=VLLM, why=f"only vllm has the option {own}")
    against = next(_against_vllm(work), None)
    if against is not None:
        return Choice(name=HF, why=against)
    return Choice(name=VLLM, why="nothing here speaks against vLLM; `engine: hf` takes the other")


def _against_vllm(work: _Work) -> Iterator[str]:
    machine = work.machine
    if work.here:
        yield "on one machine vllm has to be named by the option engine: it is another environment"
    yield from (f"only hf has the option {name}" for name in HF_ALONE if is_asked(work.options.get(name)))
    if work.quantized:
        yield "only hf quantises weights while they load"
    if work.strengths:
        yield "only hf has a strength for each adapter"
    if work.preset is not None and work.preset.runtimes and VllmRuntime.listed_as not in work.preset.runtimes:
        yield f"{work.preset.name} is not served by vLLM"
    if machine is not None and machine.gpus == 0:
        yield f"{machine.name} has no GPU"
    if machine is not None and ENGINES[VLLM].is_too_old(machine.compute_capability):
        lowest = ENGINES[VLLM].lowest_capability
        has, needs = (".".join(map(str, pair or ())) for pair in (machine.compute_capability, lowest))
        yield f"{machine.gpu_model} has compute capability {has}, and vLLM needs {needs}"
