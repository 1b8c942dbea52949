"""``inference.runtimeConfig`` of the ``vllm`` runtime."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic.alias_generators import to_camel


def _known_role(value: object) -> object:
    return value if value in ("prefill", "decode") else None


def _exactly_true(value: object) -> object:
    return value == "true" if isinstance(value, str) else value


class VllmConfig(BaseModel):
    """How the engine is run; what is absent follows from preset and machine.

    KAITO's annotations stand for some of these: any other role than its two, and any text but ``true``, means nothing,
    as upstream.
    """

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid", frozen=True)

    max_model_len: int | None = Field(default=None, ge=16)
    gpu_memory_utilization: float | None = Field(default=None, gt=0, le=1)
    performance_mode: str | None = Field(default=None, pattern=r"^[a-z][a-z-]*$")
    local_weights: Annotated[bool, BeforeValidator(_exactly_true)] = False
    """Read weights that lie on the node already, in KAITO's place for them."""
    role: Annotated[Literal["prefill", "decode"] | None, BeforeValidator(_known_role)] = None
    """This server's part where prefill and decode are served disaggregation."""
    config_file: str | None = None
    """A file of further flags, which wins over the command line."""


class FiledConfig(VllmConfig):
    """A configuration whose ``max_model_len`` stands in the file, where the engine reads it itself."""
