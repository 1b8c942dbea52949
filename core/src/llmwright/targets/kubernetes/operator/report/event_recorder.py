"""Events about Workspaces: written behind the passes, for nobody waits for them."""

from __future__ import annotations

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from llmwright.api.versions import V1BETA1
from llmwright.lifecycle.decision import Event
from llmwright.targets.kubernetes.cluster.api_client import MANAGER, Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import EVENTS

WRITERS = 2
PATIENCE_S = 30.0
"""For how long an Event stands back while names wait for a pass; each costs the API server as much as a child."""
PAUSES_S = (0.2, 1.0, 5.0)
TOLD = frozenset({"AlreadyExists", "NotFound"})
"""Answers after which an Event needs no other attempt: it is there, or its namespace is gone."""

Object = Mapping[str, Any]

log = logging.getLogger(__name__)


class Teller:
    """Writes each Event once there is nothing better to do, ``PATIENCE_S`` after it was told at the latest.

    Args:
        calm: waits until no name waits for a pass, for some seconds at most.
    """

    def __init__(self, api: Api, calm: Callable[[float], object]) -> None:
        self._api, self._calm = api, calm
        self._pool = ThreadPoolExecutor(max_workers=WRITERS, thread_name_prefix="event")
        self._stopping = threading.Event()

    def tell(self, workspace: Object, event: Event, moment: str) -> None:
        """Have an Event written, named by what it says and when, so that telling it twice is telling it once."""
        about = workspace["metadata"]
        level = logging.INFO if event.type == "Normal" else logging.WARNING
        log.log(level, "%s/%s: %s: %s", about["namespace"], about["name"], event.reason, event.message)
        if not self._stopping.is_set():
            due = time.monotonic() + PATIENCE_S
            self._pool.submit(partial(self._write, event_object(about, event, moment), due))

    def stop(self) -> None:
        """Write at once what was told, trying each but once more."""
        self._stopping.set()
        self._pool.shutdown(wait=True)

    def _write(self, body: Object, due: float) -> None:
        self._calm(max(due - time.monotonic(), 0.0))
        for pause_s in (*PAUSES_S, None):
            try:
                self._api.create(EVENTS, body)
            except ApiError as error:
                if error.reason in TOLD:
                    return
                if pause_s is None or self._stopping.wait(pause_s):
                    about = body["involvedObject"]
                    refused = "%s/%s: the event %s could not be written: %s"
                    log.warning(refused, about["namespace"], about["name"], body["reason"], error.message)
                    return
            else:
                return


def event_object(about: Object, event: Event, moment: str) -> dict[str, Any]:
    """The Event (``v1``) of the Workspace with this ``metadata``."""
    text = f"{about['uid']} {event.reason} {event.message} {moment}"
    name = f"{about['name']}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    involved = {"apiVersion": V1BETA1, "kind": "Workspace", "resourceVersion": about["resourceVersion"]}
    return {
        "apiVersion": EVENTS.api_version,
        "kind": "Event",
        "metadata": {"name": name, "namespace": about["namespace"]},
        "involvedObject": {**involved, "name": about["name"], "namespace": about["namespace"], "uid": about["uid"]},
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
    }
