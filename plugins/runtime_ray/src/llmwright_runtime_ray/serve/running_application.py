"""The application from its start to its end, on a cluster of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
import time
from types import FrameType

from llmwright.errors import TargetError
from llmwright_runtime_ray.last_words import failure_in
from llmwright_runtime_ray.serve import local_cluster
from llmwright_runtime_ray.serve.names import DEPLOYMENT, NAME
from llmwright_runtime_ray.serve.options import RayOptions

_log = logging.getLogger("llmwright.serve")
_LOOK_S = 0.5
_MOST_END_S = 17.0
"""The supervisor of one machine kills after 20 s."""
_LAST_ANSWERS_S = 8.0
"""Seconds for the answers under way when the whole server ends: a copy that ends alone has more."""


def serve_until_signal(options: RayOptions, port: int) -> None:
    """Start Ray and the application, and return after a signal. Raises LLMwrightError: it could not, or Ray ended."""
    begin = time.monotonic()
    local_cluster.prepare_environment()
    from ray import serve

    scaling = options.scaling
    local_cluster.start(options.state, options.cpus, scaling.max_replicas * scaling.replica_gpus)
    serve.start(proxy_location="HeadOnly", http_options={"host": options.engine.host, "port": port})
    _deploy(options)
    _log.info("ready at http://%s:%s after %.1f s", options.engine.host, port, time.monotonic() - begin)
    signalled = _signalled()
    try:
        while not signalled.wait(_LOOK_S):
            local_cluster.check()
    except TargetError:
        local_cluster.kill()
        raise
    _end(of_ours=options.vllm is None)


def _deploy(options: RayOptions) -> None:
    from ray import serve

    from llmwright_runtime_ray.serve.app import application

    try:
        serve.run(application(options), name=NAME, route_prefix="/")
    except RuntimeError as error:
        raise failure_in(f"{error}\n{_messages()}") from error


def _messages() -> str:
    """Return what Ray Serve says of the application and its deployments: the replica's own error is among it."""
    from ray import serve

    served = serve.status().applications.get(NAME)
    if served is None:
        return ""
    return "\n".join([served.message, *(deployment.message for deployment in served.deployments.values())])


def _signalled() -> threading.Event:
    """Return an event that the first signal sets; a second one ends the process at once."""
    event = threading.Event()

    def on_signal(number: int, _frame: FrameType | None) -> None:
        if event.is_set():
            os._exit(0)
        event.set()
        _log.info("ending (%s)", signal.Signals(number).name)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, on_signal)
    return event


def _end(*, of_ours: bool) -> None:
    """Let the replicas finish their answers, then end Ray. Those of Ray Serve LLM have until the supervisor kills."""
    import ray
    from ray import serve

    # A controller that is gone answers nothing. What Ray has started ends with this process.
    last = threading.Timer(_MOST_END_S, os._exit, (0,))
    last.daemon = True
    last.start()
    with contextlib.suppress(Exception):
        # Before the application goes: after that nobody reaches its replicas, which would give their answers longer.
        if of_ours:
            copies = serve.get_deployment_handle(DEPLOYMENT, NAME)
            copies.broadcast("finish_within", _LAST_ANSWERS_S).results(timeout_s=2)
    with contextlib.suppress(Exception):
        # The application before Serve: Serve's own shutdown ends the proxies at once, and with them all open answers.
        serve.delete(NAME)
    with contextlib.suppress(Exception):
        serve.shutdown()
    with contextlib.suppress(Exception):
        ray.shutdown()
