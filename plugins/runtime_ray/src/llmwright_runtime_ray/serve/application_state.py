"""Whether the model answers, by what Ray Serve says of its replicas; and their metrics."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from llmwright_runtime_hf.serve.engine.interface import EngineState
from llmwright_runtime_ray.serve.metric_families import Family, added
from llmwright_runtime_ray.serve.names import DEPLOYMENT, LLM_DEPLOYMENT, NAME

_log = logging.getLogger("llmwright.serve")
_GUESS = "This may be caused by"
"""How Ray goes on where a start takes long: a model does."""
_NO_REPLICA = "no replica has loaded the model yet"
_LOOK_S = 1.0
_METRICS_S = 5.0


def state_of(status: Any) -> EngineState:
    """Return the state of the application in ``serve.status()``; pure.

    It is ready where each of its deployments has a running replica, or none is wanted (scaled to zero).
    """
    application = status.applications.get(NAME)
    if not (application and application.deployments):
        return EngineState("loading", "Ray Serve has no application yet")
    waiting = [each for each in application.deployments.values() if not _runs(application, each)]
    if not waiting:
        return EngineState("ready")
    phase = "failed" if "FAILED" in application.status or application.status == "UNHEALTHY" else "loading"
    message = next((each.message for each in waiting if each.message), "")
    words = (message or application.message).strip().splitlines()
    lines = [line for line in words if not line.startswith(_GUESS)]
    return EngineState(phase, lines[-1] if lines else _NO_REPLICA)  # type: ignore[arg-type]


def _runs(application: Any, deployment: Any) -> bool:
    running = deployment.replica_states.get("RUNNING", 0)
    return bool(running or (application.status == "RUNNING" and not deployment.replica_states))


def model_deployment(status: Any) -> str:
    """Return the name of the deployment whose replicas hold the model; pure. Ray Serve LLM adds the model's name."""
    application = status.applications.get(NAME)
    names = application.deployments if application else ()
    return next((name for name in names if name.startswith(f"{LLM_DEPLOYMENT}:")), DEPLOYMENT)


class ApplicationState:
    """The state, looked at once a second in a thread of its own."""

    def __init__(self) -> None:
        self.state = EngineState("loading", "Ray Serve has no application yet")
        self._deployment = DEPLOYMENT
        threading.Thread(target=self._watch, name="application-state", daemon=True).start()

    def metric_families(self) -> list[Family]:
        """Return the sum over all replicas; it asks each."""
        if self.state.phase != "ready":
            return []
        from ray import serve
        from ray.serve.exceptions import DeploymentUnavailableError

        handle = serve.get_deployment_handle(self._deployment, NAME)
        try:
            return added(handle.broadcast("metric_families").results(timeout_s=_METRICS_S))
        except DeploymentUnavailableError:
            # Scaled to zero: Ray refuses to ask nobody.
            return []

    def _watch(self) -> None:
        from ray import serve

        while True:
            try:
                status = serve.status()
                # The name before the state: who sees it ready asks that deployment.
                self._deployment, self.state = model_deployment(status), state_of(status)
            except Exception as error:
                _log.debug("Ray Serve does not say its state", exc_info=True)
                self.state = EngineState("failed", f"Ray Serve does not say its state: {type(error).__name__}")
            time.sleep(_LOOK_S)
