"""The running server: uvicorn in the main thread, the engine in its own thread, and a shutdown in order."""

from __future__ import annotations

import asyncio
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
from llmwright_runtime_hf.serve.engine.interface import Engine
from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.http.connections import BoundedConnection, accept_limit
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.listener import url_of
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

_log = logging.getLogger("llmwright.serve")
_GRACE_SECONDS = 5.0  # for answers that are being generated when a signal comes
_THREAD_SECONDS = 2.0  # for the model thread to reach its next token
_QUEUE = 512  # connections that wait to be accepted


class SignalledServer(uvicorn.Server):
    """A uvicorn server that SIGTERM or SIGINT ends with exit code 0. A second signal ends it without waiting."""

    def __init__(self, config: uvicorn.Config, engine: Engine) -> None:
        super().__init__(config)
        self._engine = engine
        self._draining = False

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Replace uvicorn's own, which raises the signal again at the end: the exit code would be the signal's."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start to accept connections."""
        await super().startup(sockets)
        for listener in sockets or []:
            # asyncio gave the kernel's queue the length of one lot. Beyond a full queue clients wait a second and more.
            listener.listen(_QUEUE)

    def handle_signals(self) -> None:
        """Handle SIGINT and SIGTERM from now on."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._on_signal)

    async def on_tick(self, counter: int) -> bool:
        """End once the answers under way are complete; until then new requests get 503, not a refused connection."""
        if self._draining and self._engine.idle:
            self.shut_down()
        return await super().on_tick(counter)

    def shut_down(self) -> None:
        """Refuse new connections, finish the open ones, then return from ``run``. Callable from any thread."""
        self.should_exit = True

    def is_worth_logging(self, record: logging.LogRecord) -> bool:
        """Return False for answers that the end of the server cut: uvicorn logs each as an exception of the app."""
        cut = record.exc_info is not None and isinstance(record.exc_info[1], asyncio.CancelledError)
        return not (cut and self.should_exit)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._draining or self.should_exit:
            self.force_exit = True
            self.shut_down()
            return
        self._draining = True
        self._engine.drain()
        _log.info("ending (%s)", signal.Signals(number).name)
        # Answers get time to finish. Then the engine fails them with an error, before uvicorn cuts their connections.
        stop = threading.Timer(_GRACE_SECONDS, self._engine.stop, (_THREAD_SECONDS,))
        stop.daemon = True
        stop.start()


def serve(options: ServeOptions, listener: socket.socket) -> LLMwrightError | None:
    """Serve until a signal comes. Returns the error if the model could not be served."""
    start = time.monotonic()
    disable_created_metrics()
    metrics = ServerMetrics()
    engine = ModelThread(options, metrics)
    config = uvicorn.Config(
        create_app(options, engine, metrics),
        log_config=None,
        access_log=False,
        lifespan="off",
        http=BoundedConnection,
        ws="none",
        proxy_headers=False,
        server_header=False,
        backlog=accept_limit(),
        timeout_graceful_shutdown=int(_GRACE_SECONDS + _THREAD_SECONDS),
    )
    server = SignalledServer(config, engine)
    logging.getLogger("uvicorn.error").addFilter(server.is_worth_logging)

    def ready() -> None:
        _log.info("ready at %s after %.1f s", url_of(listener), time.monotonic() - start)

    # The handlers before the thread: those of the start would end the process inside a native call of the thread.
    server.handle_signals()
    engine.start(on_ready=ready, on_failure=server.shut_down)
    server.run(sockets=[listener])
    engine.stop(_THREAD_SECONDS)
    return engine.failure
