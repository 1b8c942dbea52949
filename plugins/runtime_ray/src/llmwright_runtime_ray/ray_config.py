"""``inference.runtimeConfig`` of the ``ray`` runtime."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator
from pydantic.alias_generators import to_camel

from llmwright.errors import Problem
from llmwright_runtime_hf.hf_config import HfConfig

RANGE = "inference.autoscaling"
IN_ITS_FIELD: Mapping[str, str] = {
    "minReplicas": f"{RANGE}.minReplicas",
    "maxReplicas": f"{RANGE}.maxReplicas",
    "initialReplicas": "inference.replicas",
    "targetOngoingRequests": f"{RANGE}.target",
    "numReplicas": "inference.replicas",
    "replicas": "inference.replicas",
    "autoscalingConfig": RANGE,
}
"""Words of Ray for the number of copies, and the field of a Workspace that has it for every runtime."""


HF_ALONE = ("quantization", "threads", "prefixCacheMib", "requestTimeout")
"""Options that only the engine ``hf`` has, by their names in YAML."""
VLLM_ALONE = ("gpuMemoryUtilization", "performanceMode")
"""Options that only the engine ``vllm`` has."""


def is_asked(value: object) -> bool:
    """Whether an option has a value that asks for something."""
    return value is not None and value != "none"


class RayConfig(HfConfig):
    """The options of the engine, and how copies take requests. The names are those of Ray's documentation."""

    engine: Literal["hf", "vllm"] | None = None
    """The engine of each copy: that of ``hf``, or ``vllm`` by Ray Serve LLM. Without it ``vllm`` on a cluster where
    GPUs, preset and options allow it, and else ``hf``; the plan says why."""
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    """``vllm``: share of a GPU's memory for the engine."""
    performance_mode: str | None = Field(default=None, pattern=r"^[a-z][a-z-]*$")
    """``vllm``: the engine's performance mode, such as ``throughput``."""

    max_ongoing_requests: int = Field(default=64, ge=1, le=10_000)
    """The most requests that are sent to one copy at a time. The others wait in the proxy. Ray's own default of 5
    would leave most of a batch of the engine empty."""
    max_queued_requests: int = Field(default=256, ge=1, le=1_000_000)
    """How many requests may wait in one proxy. More are refused with 429 and ``Retry-After``."""
    upscale_delay_s: float = Field(default=30, ge=0, le=86_400)
    """Seconds of higher load before copies are added. From 0 to 1 there is no delay."""
    downscale_delay_s: float = Field(default=600, ge=0, le=86_400)
    """Seconds of lower load before copies are ended."""
    replica_cpus: float = Field(default=1, gt=0, le=1024)
    """CPUs that Ray reserves for one copy."""
    max_num_adapters_per_replica: int | None = Field(default=None, ge=1, le=10_000)
    """The most adapters that one copy holds at a time. Where fewer than are named, a copy loads them when they are
    asked for, and the one that was not asked for longest leaves. Without it each copy holds all of them."""

    @field_validator("engine")
    @classmethod
    def _has_them(cls, engine: str | None, info: ValidationInfo) -> str | None:
        foreign = _asked(info, HF_ALONE) if engine == "vllm" else ()
        if foreign:
            raise ValueError(f"vllm has no option {foreign[0]}; write engine: hf, or leave {foreign[0]} out")
        return engine

    @field_validator("gpu_memory_utilization", "performance_mode")
    @classmethod
    def _of_vllm(cls, value: Any, info: ValidationInfo) -> Any:
        if value is None:
            return value
        foreign = _asked(info, HF_ALONE)
        if info.data.get("engine") == "hf" or foreign:
            beside = f", and {foreign[0]} is one of hf alone" if foreign else ""
            raise ValueError(f"is an option of the engine vllm{beside}; write engine: vllm, or leave it out")
        return value


class ConfiguredRay(RayConfig):
    """The options, and vLLM's flags of the config's file. They win over all others, and ``hf`` does not read them."""

    user_flags: Mapping[str, Any] = Field(default_factory=dict)
    """Flag, in the engine's spelling, to the value as the file has it."""


def _asked(info: ValidationInfo, names: tuple[str, ...]) -> tuple[str, ...]:
    values = {to_camel(name): value for name, value in info.data.items()}
    return tuple(name for name in names if is_asked(values.get(name)))


def written_elsewhere(options: Mapping[str, Any]) -> Iterable[Problem]:
    """Yield a problem for each option that is a field of the Workspace, or that copies which come and go rule out."""
    for name in options:
        field = IN_ITS_FIELD.get(to_camel(name))
        if field is not None:
            message = f"{name} is no option of ray: the number of copies is {field}, for every runtime"
            yield Problem(name, message, f"write {field} instead", reason="NotSupported")
        elif to_camel(name) in ("adapterDirectories", "adapterRegistries", "adapterPullSecrets") and options[name]:
            message = "ray loads no adapters while it runs: a copy that is added later would not know them"
            hint = "name them in inference.adapters, which every copy serves, or write runtime: hf or vllm"
            yield Problem(name, message, hint, reason="NotSupported")
