"""One replica of vLLM in Ray Serve LLM, which also tells its metrics."""

from __future__ import annotations

from typing import Any

from prometheus_client import REGISTRY, disable_created_metrics
from ray.serve.llm import LLMServer

from llmwright_runtime_ray.serve.loopback import keep_to_loopback
from llmwright_runtime_ray.serve.metric_families import Family, families_of

OWN = "vllm:"
"""vLLM's names begin with it; what else is in the registry is Ray's and Python's."""


class LlmServer(LLMServer):  # type: ignore[misc]
    """Ray Serve LLM's server. Ray Serve calls its methods by name."""

    async def __init__(self, llm_config: Any, **parts: Any) -> None:  # type: ignore[misc]
        """Load the model, and begin to serve."""
        keep_to_loopback()
        disable_created_metrics()
        await super().__init__(llm_config, **parts)

    async def start(self) -> None:
        """Start the engine. Ray 2.60 looks for the tokenizer's routes under a name that vLLM gave up before 0.29."""
        await super().start()
        engine = self.engine
        if engine is not None and getattr(engine, "_oai_serving_tokenization", True) is None:
            engine._oai_serving_tokenization = getattr(engine._app_state, "serving_tokenization", None)

    def metric_families(self) -> list[Family]:
        """Return the metrics of this replica's engine."""
        return [family for family in families_of(REGISTRY) if family.name.startswith(OWN)]
