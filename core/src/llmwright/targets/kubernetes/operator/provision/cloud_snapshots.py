"""The snapshots of clouds outside the cluster: one call of ``refresh`` for all Workspaces of a driver, in the pool."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from llmwright.errors import LLMwrightError
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff

EVERYWHERE = ""
"""The scope of the operator's calls: all namespaces."""

OLD_S = 30.0
"""Age at which a snapshot is replaced while a Workspace is looked at; machines that die are noticed that late."""

LEAST_S = 0.1
"""The shortest time until a pass that is called for: the rest of a pause may be too small for the clock to show."""

PAUSES = Backoff(first_s=2.0, most_s=60.0)
"""Rest between two calls of one cloud, longer after failures in a row."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CloudSnapshot:
    """One cloud as it last answered, and the calls that failed since; ``began`` is on the monotonic clock.

    ``began`` is when the call began that ``content`` came from, ``due`` when another call may begin.
    """

    content: Any = None
    began: float | None = None
    due: float = 0.0
    failures: int = 0
    failed_at: datetime | None = None
    message: str = ""

    def shows(self, moment: float) -> bool:
        """Whether what was done before ``moment`` is in it."""
        return self.began is not None and self.began >= moment


class CloudSnapshots:
    """Calls each cloud once for all Workspaces that wait for it, and never twice at a time.

    Args:
        call: has a pass made over a Workspace after some seconds.
    """

    def __init__(self, tasks: Tasks, call: Callable[[Key, float], None]) -> None:
        self._tasks, self._call = tasks, call
        self._snapshots: dict[str, CloudSnapshot] = {}
        self._waiting: dict[str, set[Key]] = {}
        self._lock = threading.Lock()

    def of(self, name: str, driver: Provisioner, key: Key, since: float) -> CloudSnapshot:
        """Return the cloud as it is known. A pass is called for once it is known as it was at ``since`` or later."""
        snapshot = self._snapshots.get(name, CloudSnapshot())
        now = time.monotonic()
        if snapshot.shows(since) and snapshot.began is not None and now - snapshot.began < OLD_S:
            self._call(key, max(snapshot.began + OLD_S - now, LEAST_S))
        elif now < snapshot.due:
            self._call(key, max(snapshot.due - now, LEAST_S))
        else:
            self._ask(name, driver, key)
        return snapshot

    def _refresh(self, name: str, driver: Provisioner) -> None:
        began = time.monotonic()
        try:
            with driver_call("provisioner", name, "refresh"):
                content = driver.refresh(EVERYWHERE)
        except LLMwrightError as error:
            self._failed(name, error)
            raise
        self._snapshots[name] = CloudSnapshot(content, began, began + PAUSES.first_s)

    def _failed(self, name: str, error: LLMwrightError) -> None:
        before = self._snapshots.get(name, CloudSnapshot())
        failures = before.failures + 1
        self._snapshots[name] = replace(
            before,
            due=time.monotonic() + PAUSES.pause_s(failures),
            failures=failures,
            failed_at=datetime.now(UTC),
            message=error.message,
        )

    def _ask(self, name: str, driver: Provisioner, key: Key) -> None:
        # Before the task: one that is under way calls all that wait when it ends.
        with self._lock:
            self._waiting.setdefault(name, set()).add(key)

        def work() -> None:
            try:
                self._refresh(name, driver)
            except LLMwrightError as error:
                log.info("provisioner %s: %s", name, error.message)

        def then(pause_s: float) -> None:
            with self._lock:
                waiting = self._waiting.pop(name, set())
            for key in waiting:
                self._call(key, pause_s)

        self._tasks.submit(("cloud", name), work, then)


def has_cloud(driver: Provisioner) -> bool:
    """Whether the driver calls a cloud outside the cluster: it has a ``refresh`` of its own."""
    return type(driver).refresh is not Provisioner.refresh
