"""Settings of the ``ray`` runtime: ``plugins.runtime.ray``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class RaySettings(BaseModel):
    """Where Ray is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    python: str = Field(default="$(python)", min_length=1)
    """On one machine: the Python that has Ray and this package, where that is another one than LLMwright's own."""
