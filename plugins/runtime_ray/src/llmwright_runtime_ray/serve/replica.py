"""One replica: the ``hf`` server's routes on its engine, inside of an actor of Ray Serve."""

from __future__ import annotations

import logging
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from prometheus_client import disable_created_metrics

from llmwright.errors import LLMwrightError
from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.log_limit import set_up_logging
from llmwright_runtime_hf.serve.model_files import fetched
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics
from llmwright_runtime_ray.last_words import marked
from llmwright_runtime_ray.serve.adapters_on_demand import WithAdapter, adapters_on_demand
from llmwright_runtime_ray.serve.loopback import keep_to_loopback
from llmwright_runtime_ray.serve.metric_families import Family, families_of

if TYPE_CHECKING:
    from fastapi import FastAPI

_STOP_SECONDS = 2.0


class Replica:
    """An engine that has loaded the model, and the routes that ask it. Ray Serve calls its methods by name."""

    def __init__(self, options: ServeOptions, most_adapters: int | None = None) -> None:
        """Load the model, and all adapters where ``most_adapters`` is None; else so many at a time, on demand.

        Raises RuntimeError with the cause, so that Ray Serve does not send requests.
        """
        keep_to_loopback()
        set_up_logging()
        disable_created_metrics()
        self._adapters, self._most_adapters = options.adapters, most_adapters
        if most_adapters is not None:
            options = replace(options, adapters=(), later_adapters=True)
        try:
            options = fetched(options)
        except LLMwrightError as error:
            raise RuntimeError(marked(error)) from error
        self._options = options
        self._metrics = ServerMetrics()
        self._engine = ModelThread(options, self._metrics)
        ended = threading.Event()
        self._engine.start(on_ready=ended.set, on_failure=ended.set)
        ended.wait()
        if self._engine.failure is not None:
            raise RuntimeError(marked(self._engine.failure))
        logging.getLogger("llmwright.serve").info("a replica is ready")

    def __serve_build_asgi_app__(self) -> FastAPI:
        """Return the application that Ray Serve hands the requests to."""
        from llmwright_runtime_hf.serve.http.routes import generation_app

        app = generation_app(self._options, self._engine)
        if self._most_adapters is not None:
            registry = self._metrics.registry
            held = adapters_on_demand(self._engine, self._adapters, self._most_adapters, registry)
            app.add_middleware(WithAdapter, held=held)
        return app

    def check_health(self) -> None:
        """Raise RuntimeError once the engine has ended: Ray Serve then starts another replica."""
        state = self._engine.state
        if state.phase != "ready":
            failure: LLMwrightError | None = self._engine.failure
            raise RuntimeError(marked(failure) if failure else f"the engine is {state.phase}: {state.reason}")

    def metric_families(self) -> list[Family]:
        """Return the metrics of this replica."""
        return families_of(self._metrics.registry)

    def finish_within(self, seconds: float) -> None:
        """Give the answers under way so long; then they fail with an error. It returns at once."""
        last = threading.Timer(seconds, self._engine.stop, (_STOP_SECONDS,))
        last.daemon = True
        last.start()

    def __del__(self) -> None:
        """Fail what is still under way with an error, not with a connection that breaks."""
        self._engine.stop(_STOP_SECONDS)
