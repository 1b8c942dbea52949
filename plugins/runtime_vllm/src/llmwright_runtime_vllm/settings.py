"""Settings of the ``vllm`` runtime: ``plugins.runtime.vllm``."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from llmwright_runtime_vllm.engine_flags import NEWEST, Release


class VllmSettings(BaseModel):
    """Which engine is started, in pods and on one machine."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)

    version: Release = NEWEST
    """The release of vLLM in the image for the role ``vllm``. Flags of a config are judged by its list. Without such an
    image in the settings, vLLM's own of that release is run."""
    program: str = Field(default="vllm", min_length=1)
    """The program of the engine: a name that is looked for beside this Python and in ``PATH``, or a path."""
