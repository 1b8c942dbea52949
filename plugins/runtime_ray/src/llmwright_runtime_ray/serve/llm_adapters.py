"""Adapters of one replica of vLLM that are named to it when they are asked for, by Ray Serve's multiplexing.

vLLM keeps as many as its flags say, reads the others again from their directories, and never lets go of one that
answers. Ray Serve LLM's own loader knows a cloud's storage alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

from prometheus_client import REGISTRY
from ray import serve
from ray.llm._internal.serve.core.configs.llm_config import DiskMultiplexConfig
from ray.llm._internal.serve.core.configs.openai_api_models import OpenAIHTTPException

from llmwright_runtime_ray.serve.loaded_adapters import loads_counter
from llmwright_runtime_ray.serve.options import RayOptions

_PATHS, _MOST = "llmwright_adapters", "llmwright_most_adapters"


def on_demand(options: RayOptions) -> dict[str, Any]:
    """Return the adapters for ``llm_adapters``; empty where the engine holds all from its start."""
    if options.most_adapters is None:
        return {}
    paths = {adapter.name: str(adapter.path) for adapter in options.engine.adapters}
    return {_PATHS: paths, _MOST: options.most_adapters}


def llm_adapters(configured: Mapping[str, Any], engine: Callable[[], Any]) -> Callable[[str], Awaitable[object]] | None:
    """Return what names an adapter to the engine, in a replica; None where nothing is loaded on demand."""
    if _PATHS not in configured:
        return None
    paths: Mapping[str, str] = configured[_PATHS]
    loads = loads_counter(REGISTRY, paths)

    async def load(name: str) -> str:
        place = DiskMultiplexConfig(
            model_id=name, max_total_tokens=None, local_path=paths[name], lora_assigned_int_id=0
        )
        try:
            await engine().resolve_lora(place)
        except ValueError as error:
            message = f"adapter {name} ({paths[name]}) cannot be served: {error}"
            # Not 500, whose words Ray Serve LLM keeps to itself. An exception travels by arguments without names.
            raise OpenAIHTTPException(HTTPStatus.SERVICE_UNAVAILABLE.value, message) from error
        loads.labels(name).inc()
        return name

    multiplexed: Callable[[str], Awaitable[object]] = serve.multiplexed(max_num_models_per_replica=configured[_MOST])(
        load
    )
    return multiplexed
