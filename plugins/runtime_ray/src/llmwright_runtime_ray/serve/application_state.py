"""Whether the model answers, by what Ray Serve says of its replicas; and their metrics."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from llmwright_runtime_hf.serve.engine.interface import EngineState
from llmwright_runtime_ray.serve.metric_families import Family, added
from llmwright_runtime_ray.serve.names import DEPLOYMENT, NAME

_log = logging.getLogger("llmwright.serve")
_LOOK_S = 1.0
_METRICS_S = 5.0


def state_of(status: Any) -> EngineState:
    """Return the state of the application in ``serve.status()``; pure.

    It is ready with one running replica, and also with none where none is wanted (scaled to zero).
    """
    application = status.applications.get(NAME)
    deployment = application and application.deployments.get(DEPLOYMENT)
    if not deployment:
        return EngineState("loading", "Ray Serve has no application yet")
    running = deployment.replica_states.get("RUNNING", 0)
    if running or (application.status == "RUNNING" and not deployment.replica_states):
        return EngineState("ready")
    phase = "failed" if "FAILED" in application.status or application.status == "UNHEALTHY" else "loading"
    words = (deployment.message or application.message or "no replica has loaded the model yet").strip()
    return EngineState(phase, words.splitlines()[-1])  # type: ignore[arg-type]


class ApplicationState:
    """The state, looked at once a second in a thread of its own."""

    def __init__(self) -> None:
        self.state = EngineState("loading", "Ray Serve has no application yet")
        threading.Thread(target=self._watch, name="application-state", daemon=True).start()

    def metric_families(self) -> list[Family]:
        """Return the sum over all replicas; it asks each."""
        if self.state.phase != "ready":
            return []
        from ray import serve
        from ray.serve.exceptions import DeploymentUnavailableError

        handle = serve.get_deployment_handle(DEPLOYMENT, NAME)
        try:
            return added(handle.broadcast("metric_families").results(timeout_s=_METRICS_S))
        except DeploymentUnavailableError:
            # Scaled to zero: Ray refuses to ask nobody.
            return []

    def _watch(self) -> None:
        from ray import serve

        while True:
            try:
                self.state = state_of(serve.status())
            except Exception as error:
                _log.debug("Ray Serve does not say its state", exc_info=True)
                self.state = EngineState("failed", f"Ray Serve does not say its state: {type(error).__name__}")
            time.sleep(_LOOK_S)
