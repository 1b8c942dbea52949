"""Adapters of one replica of the engine ``hf``, loaded when they are asked for, by Ray Serve's multiplexing."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from prometheus_client import CollectorRegistry
from ray import serve
from starlette.types import ASGIApp, Receive, Scope, Send

from llmwright.errors import LLMwrightError, NotYet
from llmwright_runtime_hf.serve.engine.interface import Engine
from llmwright_runtime_hf.serve.http.openai_errors import error_response
from llmwright_runtime_hf.serve.serve_options import AdapterSpec
from llmwright_runtime_ray.serve.held_adapters import HeldAdapters
from llmwright_runtime_ray.serve.loaded_adapters import loads_counter


class _Loaded:
    """An adapter in the engine. Ray Serve calls ``__del__`` when the adapter is to leave, and Python once more."""

    def __init__(self, engine: Engine, name: str) -> None:
        self._engine: Engine | None = engine
        self._name = name

    def __del__(self) -> None:
        engine, self._engine = self._engine, None
        if engine is not None:
            # An engine that has ended holds nothing.
            with contextlib.suppress(LLMwrightError):
                engine.unload_adapter(self._name)


def adapters_on_demand(
    engine: Engine, adapters: Sequence[AdapterSpec], most: int, registry: CollectorRegistry
) -> HeldAdapters:
    """Return the adapters that ``engine`` holds, none at first. Call it in a replica of Ray Serve."""
    specs = {spec.name: spec for spec in adapters}
    loads = loads_counter(registry, [*specs])

    async def load(name: str) -> _Loaded:
        await asyncio.to_thread(engine.load_adapter, specs[name])
        loads.labels(name).inc()
        return _Loaded(engine, name)

    return HeldAdapters(serve.multiplexed(max_num_models_per_replica=most)(load), most)


class WithAdapter:
    """Hold the adapter that the ingress has named, from before a request until the end of its answer."""

    def __init__(self, app: ASGIApp, held: HeldAdapters) -> None:
        self._app = app
        self._held = held

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = serve.get_multiplexed_model_id() if scope["type"] == "http" else ""
        async with contextlib.AsyncExitStack() as stack:
            try:
                if name:
                    await stack.enter_async_context(self._held.answering(name))
            except NotYet as error:
                await error_response(503, error.message, code="not_ready")(scope, receive, send)
                return
            except LLMwrightError as error:
                answer = error_response(503, error.text, param="model", code="adapter_unusable")
                await answer(scope, receive, send)
                return
            await self._app(scope, receive, send)
