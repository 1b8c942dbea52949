"""Settings of the ``ray`` runtime: ``plugins.runtime.ray``."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

LlmRelease = Literal["0.29.0", "0.30.0", "0.31.0", "0.32.0"]
"""Releases of vLLM whose flags are known."""
IN_IMAGE: LlmRelease = get_args(LlmRelease)[0]
"""The release that Ray 2.60 pins for Ray Serve LLM (its extra ``llm``: ``vllm[audio]==0.29.0``)."""


class RaySettings(BaseModel):
    """Where Ray is."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    program: str = Field(default="", pattern=r"^(|/.*llmwright-ray-serve)$")
    """On one machine: ``bin/llmwright-ray-serve`` of an environment with Ray and this package, as a whole path, where
    that is another one than LLMwright's own."""
    vllm: LlmRelease = IN_IMAGE
    """The release of vLLM beside Ray: in the image for the role ``ray-llm``, or in the environment of ``program``.
    Flags of a config are judged by its list."""
