"""One replica of vLLM in Ray Serve LLM, which also tells its metrics."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

from prometheus_client import REGISTRY, disable_created_metrics
from ray import serve
from ray.serve.llm import LLMServer

from llmwright.errors import TargetError
from llmwright_runtime_ray.last_words import marked
from llmwright_runtime_ray.serve.engine_words import cause
from llmwright_runtime_ray.serve.llm_adapters import llm_adapters
from llmwright_runtime_ray.serve.loaded_adapters import LOADS
from llmwright_runtime_ray.serve.loopback import keep_to_loopback
from llmwright_runtime_ray.serve.metric_families import Family, families_of

LOG_BYTES = 64 * 1024
OWN = "vllm:"
"""vLLM's names begin with it; what else is in the registry is Ray's and Python's."""


def _log() -> str:
    """Return the end of what this process and the engine below it wrote to stderr, which Ray keeps in a file."""
    try:
        with Path(f"/proc/self/fd/{sys.stderr.fileno()}").resolve().open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
            return log.read(LOG_BYTES).decode(errors="replace")
    except (OSError, ValueError):
        return ""


class LlmServer(LLMServer):  # type: ignore[misc]
    """Ray Serve LLM's server. Ray Serve calls its methods by name."""

    async def __init__(self, llm_config: Any, **parts: Any) -> None:  # type: ignore[misc]
        """Load the model, and begin to serve."""
        keep_to_loopback()
        disable_created_metrics()
        try:
            await super().__init__(llm_config, **parts)
        # Whatever it is, Ray passes on text alone, and of the engine's own process none at all.
        except Exception as error:
            raise RuntimeError(marked(TargetError(f"vLLM did not start: {cause(error, _log())}"))) from error

    async def start(self) -> None:
        """Start the engine. Ray 2.60 looks for the tokenizer's routes under a name that vLLM gave up before 0.29."""
        await super().start()
        engine = self.engine
        if engine is not None and getattr(engine, "_oai_serving_tokenization", True) is None:
            engine._oai_serving_tokenization = getattr(engine._app_state, "serving_tokenization", None)

    def _init_multiplex_loader(self, model_downloader_cls: Any = None) -> None:
        self._adapters = llm_adapters(self._llm_config.experimental_configs, lambda: self.engine)

    async def _maybe_resolve_lora_from_multiplex(self) -> None:
        name = serve.get_multiplexed_model_id()
        if name and self._adapters is not None:
            await self._adapters(name)

    def metric_families(self) -> list[Family]:
        """Return the metrics of this replica's engine."""
        return [family for family in families_of(REGISTRY) if family.name.startswith((OWN, LOADS))]
