"""``inference.runtimeConfig`` of the ``vllm`` runtime."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from llmwright.values.lora_adapter import MAX_LORA_RANK


def _known_role(value: object) -> object:
    return value if value in ("prefill", "decode") else None


def _exactly_true(value: object) -> object:
    return value == "true" if isinstance(value, str) else value


class VllmConfig(BaseModel):
    """Options of the engine. An absent option follows from the preset and the machine.

    KAITO's annotations set some of them. As upstream, an unknown role and any text but ``true`` have no effect.
    """

    model_config = ConfigDict(
        alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True, use_attribute_docstrings=True
    )

    max_model_len: int | None = Field(default=None, ge=16)
    """Longest sequence, in tokens."""
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    """Share of a GPU's memory for the engine."""
    performance_mode: str | None = Field(default=None, pattern=r"^[a-z][a-z-]*$")
    """The engine's performance mode, such as ``throughput``."""
    local_weights: Annotated[bool, BeforeValidator(_exactly_true)] = False
    """Read weights that are already on the node, in KAITO's directory for them."""
    role: Annotated[Literal["prefill", "decode"] | None, BeforeValidator(_known_role)] = None
    """The role of this server where prefill and decode run on separate servers."""
    engine_plugin: bool = True
    """Load our plug-in into the engine: ``POST /chat``, and the key on every route that answers by the model."""
    max_lora_rank: int | None = Field(default=None, ge=1, le=MAX_LORA_RANK)
    """Greatest rank of an adapter, rounded up to one that the engine knows. Without it what the Workspace's adapters
    need, and at least 16: that of adapters that are loaded while the engine runs is not known before."""
    adapter_directories: tuple[Annotated[str, Field(pattern=r"^/[^:]*[^:/][^:]*$")], ...] = ()
    """Directories, as the engine sees them, from which adapters may be loaded while it runs (its route
    ``/v1/load_lora_adapter``). It needs an API key. Without any the route is not there."""

    @model_validator(mode="after")
    def _guarded(self) -> Self:
        if self.adapter_directories and not self.engine_plugin:
            raise ValueError("adapterDirectories are held by the plug-in: leave out enginePlugin: false")
        return self


class EngineConfig(VllmConfig):
    """The options, and the flags of the config's file, which win over all others. ``max_model_len`` is the file's."""

    user_flags: Mapping[str, Any] = Field(default_factory=dict)
    """Flag, in the engine's spelling, to the value as the file has it."""
