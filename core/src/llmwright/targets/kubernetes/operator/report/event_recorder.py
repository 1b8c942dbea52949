"""Events about Workspaces: written after passes that wait, because nobody waits for an Event."""

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
from llmwright.values.backoff import Backoff

WRITERS = 2
PATIENCE_S = 30.0
"""For how long an Event waits while names wait for a pass: it costs the API server as much as a child does."""
ATTEMPTS = 4
BACKOFF = Backoff(first_s=0.2, most_s=5.0, factor=5.0)
FINAL = frozenset({"AlreadyExists", "NotFound"})
"""Answers after which an Event needs no other attempt: it is there, or its namespace is gone."""

Object = Mapping[str, Any]

log = logging.getLogger(__name__)


class EventRecorder:
    """Writes each Event once no name waits for a pass, and at the latest ``PATIENCE_S`` after it was recorded.

    Args:
        calm: waits until no name waits for a pass, for some seconds at most.
    """

    def __init__(self, api: Api, calm: Callable[[float], object]) -> None:
        self._api, self._calm = api, calm
        self._pool = ThreadPoolExecutor(max_workers=WRITERS, thread_name_prefix="event")
        self._stopping = threading.Event()

    def record(self, workspace: Object, event: Event, moment: str) -> None:
        """Have an Event written. Its name is a digest of its text and moment: recorded twice, it is written once."""
        metadata = workspace["metadata"]
        level = logging.INFO if event.type == "Normal" else logging.WARNING
        log.log(level, "%s/%s: %s: %s", metadata["namespace"], metadata["name"], event.reason, event.message)
        if not self._stopping.is_set():
            due = time.monotonic() + PATIENCE_S
            self._pool.submit(partial(self._write, event_object(metadata, event, moment), due))

    def stop(self) -> None:
        """Write at once what was recorded; an Event that is refused is tried once more."""
        self._stopping.set()
        self._pool.shutdown(wait=True)

    def _write(self, body: Object, due: float) -> None:
        self._calm(max(due - time.monotonic(), 0.0))
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self._api.create(EVENTS, body)
            except ApiError as error:
                if error.reason in FINAL:
                    return
                if attempt == ATTEMPTS or self._stopping.wait(BACKOFF.pause_s(attempt)):
                    workspace = body["involvedObject"]
                    refused = "%s/%s: the event %s could not be written: %s"
                    log.warning(refused, workspace["namespace"], workspace["name"], body["reason"], error.message)
                    return
            else:
                return


def event_object(metadata: Object, event: Event, moment: str) -> dict[str, Any]:
    """Return the Event (``v1``) of the Workspace with this ``metadata``."""
    text = f"{metadata['uid']} {event.reason} {event.message} {moment}"
    name = f"{metadata['name']}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    identity = {part: metadata[part] for part in ("name", "namespace", "uid", "resourceVersion")}
    return {
        "apiVersion": EVENTS.api_version,
        "kind": "Event",
        "metadata": {"name": name, "namespace": metadata["namespace"]},
        "involvedObject": {"apiVersion": V1BETA1, "kind": "Workspace", **identity},
        "type": event.type,
        "reason": event.reason,
        "message": event.message,
        "firstTimestamp": moment,
        "lastTimestamp": moment,
        "count": 1,
        "source": {"component": MANAGER},
        "reportingComponent": MANAGER,
    }
