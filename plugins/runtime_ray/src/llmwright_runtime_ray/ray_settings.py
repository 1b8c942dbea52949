"""Settings of the ``ray`` runtime: ``plugins.runtime.ray``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RaySettings(BaseModel):
    """Where Ray is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    program: str = Field(default="", pattern=r"^(|/.*llmwright-ray-serve)$")
    """On one machine: ``bin/llmwright-ray-serve`` of an environment with Ray and this package, as a whole path, where
    that is another one than LLMwright's own."""
