"""The running server: uvicorn in the main thread, the engine beside it, and one orderly way out."""

from __future__ import annotations

import contextlib
import logging
import signal
import socket
import threading
import time
from collections.abc import Iterator
from types import FrameType

import uvicorn
from prometheus_client import disable_created_metrics

from llmwright.errors import LLMwrightError
from llmwright_runtime_hf.serve.engine.model_thread import Engine
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.listener import url_of
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import Metrics

_log = logging.getLogger("llmwright.serve")
_GRACE_SECONDS = 5.0  # for what is being generated when the process is told to end
_THREAD_SECONDS = 2.0


class Server(uvicorn.Server):
    """uvicorn, ended by SIGTERM or SIGINT with exit code 0; the second signal does not wait."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Instead of uvicorn's own, which raises the signal again at the end: that would end in its exit code."""
        yield

    def heed_signals(self) -> None:
        """Take over SIGINT and SIGTERM; before the engine's thread begins, which must not be unwound by them."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._told_to_end)

    def leave(self) -> None:
        """End in order. Callable from any thread."""
        self.should_exit = True

    def _told_to_end(self, number: int, _frame: FrameType | None) -> None:
        if self.should_exit:
            self.force_exit = True
            return
        self.leave()
        _log.info("ending (%s)", signal.Signals(number).name)
        stop = threading.Timer(_GRACE_SECONDS, self._engine.stop, (_THREAD_SECONDS,))
        stop.daemon = True
        stop.start()


def serve(options: ServeOptions, listener: socket.socket) -> LLMwrightError | None:
    """Serve until told to end. Returns the error for which the model could not be served, if any."""
    began = time.monotonic()
    disable_created_metrics()  # type: ignore[no-untyped-call]
    metrics = Metrics()
    engine = Engine(options, metrics)
    config = uvicorn.Config(
        create_app(options, engine, metrics),
        log_config=None,
        access_log=False,
        lifespan="off",
        server_header=False,
        timeout_graceful_shutdown=int(_GRACE_SECONDS + _THREAD_SECONDS),
    )
    server = Server(config, engine)

    def ready() -> None:
        _log.info("ready at %s after %.1f s", url_of(listener), time.monotonic() - began)

    server.heed_signals()
    engine.start(on_ready=ready, on_failure=server.leave)
    server.run(sockets=[listener])
    engine.stop(_THREAD_SECONDS)
    return engine.failure
