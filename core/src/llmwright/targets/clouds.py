"""Clouds outside the cluster: ``refresh`` in a thread of its own, once for all Workspaces, and its last answer."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from llmwright.errors import LLMwrightError
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.values.backoff import Backoff
from llmwright.values.nodes import Failed, NodeRequest, ProvisionerDecision

Key = tuple[str, str]
"""Namespace and name of a Workspace."""

EVERYWHERE = ""
"""The scope of the calls: all namespaces."""

OLD_S = 30.0
"""Age at which a snapshot is replaced while a Workspace is looked at; machines that die are noticed that late."""

LEAST_S = 0.1
"""The shortest time until a pass that is called for: the rest of a pause may be too small for the clock to show."""

SETTLE_S = 2.0
"""For how long a cloud, or a cache, may not yet show what was done. The same acts are not done again before."""

CLOUD_UNREACHABLE = "CloudUnreachable"

PAUSES = Backoff(first_s=2.0, most_s=60.0)
"""Rest between two calls of one cloud, longer after failures in a row."""

MOST_HANGING = 4
"""Calls of one cloud that may hang past their time at once. No other begins then: each holds a thread and a socket."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CloudSnapshot:
    """One cloud as it last answered, and the calls that failed since; ``began`` and ``due`` are on the monotonic clock.

    ``began`` is when the call began that ``content`` came from, ``due`` when another call may begin.
    """

    content: Any = None
    began: float | None = None
    due: float = 0.0
    failures: int = 0
    failed_at: datetime | None = None
    error: LLMwrightError | None = None

    def shows(self, moment: float) -> bool:
        """Whether what was done before ``moment`` is in it."""
        return self.began is not None and self.began >= moment


@dataclass(slots=True, eq=False)
class _Call:
    """One call of ``refresh``; past ``deadline`` it counts as failed, though its thread cannot be ended."""

    began: float
    deadline: float


@dataclass(slots=True, eq=False)
class _Cloud:
    """A driver's cloud: what is known of it, the call under way, and the Workspaces that wait for its end."""

    name: str
    snapshot: CloudSnapshot = CloudSnapshot()
    under_way: _Call | None = None
    hanging: int = 0
    waiting: set[Key] = field(default_factory=set)


def in_a_thread(work: Callable[[], None], name: str) -> None:
    """Do ``work`` in a thread that ends with the process: a cloud that hangs must not hold that up."""
    threading.Thread(target=work, name=name, daemon=True).start()


class CloudSnapshots:
    """Calls each cloud once for all Workspaces that wait for it, and never twice at a time.

    Args:
        call: has a pass made over a Workspace after some seconds.
        start: does work beside the caller's, under a name.
    """

    def __init__(
        self, call: Callable[[Key, float], None], start: Callable[[Callable[[], None], str], None] = in_a_thread
    ) -> None:
        self._call, self._start = call, start
        self._clouds: dict[str, _Cloud] = {}
        self._changed = threading.Condition()

    def of(self, name: str, driver: Provisioner, key: Key | None, since: float) -> CloudSnapshot:
        """Return the cloud as it is known, and have it asked where that is due; never waits.

        A pass over ``key`` is called for once the cloud is known as it was at ``since`` or later.
        """
        now, call = time.monotonic(), None
        with self._changed:
            cloud = self._clouds.setdefault(name, _Cloud(name))
            self._give_up(cloud, now)
            snapshot = cloud.snapshot
            if snapshot.shows(since) and snapshot.began is not None and now - snapshot.began < OLD_S:
                again_s = snapshot.began + OLD_S - now
            elif cloud.under_way is None and now < snapshot.due:
                again_s = snapshot.due - now
            elif cloud.under_way is None and cloud.hanging >= MOST_HANGING:
                again_s = OLD_S
            else:
                if cloud.under_way is None:
                    call = cloud.under_way = _Call(now, now + driver.refresh_timeout_s)
                if key is not None:
                    cloud.waiting.add(key)
                again_s = cloud.under_way.deadline - now
        if key is not None:
            self._call(key, max(again_s, LEAST_S))
        if call is not None:
            self._start(lambda: self._refresh(cloud, call, driver), f"cloud {name}")
        return snapshot

    def fresh(self, name: str, driver: Provisioner) -> CloudSnapshot:
        """Ask the cloud and wait for its answer; the snapshot's ``error`` says why there is none.

        For a thread of its own, never for a pass.
        """
        since = time.monotonic()
        latest = since + PAUSES.most_s + driver.refresh_timeout_s
        while True:
            before = self.of(name, driver, None, since)
            if before.shows(since) or time.monotonic() >= latest:
                return before
            with self._changed:
                self._changed.wait(1.0)
                now = self._clouds[name].snapshot
            if now.failures > before.failures:
                return now

    def _refresh(self, cloud: _Cloud, call: _Call, driver: Provisioner) -> None:
        error: LLMwrightError | None = None
        content = None
        try:
            with driver_call("provisioner", cloud.name, "refresh"):
                content = driver.refresh(EVERYWHERE)
        except LLMwrightError as failure:
            error = failure
        with self._changed:
            in_time = cloud.under_way is call
            if in_time:
                cloud.under_way = None
            else:
                cloud.hanging -= 1
            if error is None:
                cloud.snapshot = CloudSnapshot(content, call.began, call.began + PAUSES.first_s)
            elif in_time:
                _fail(cloud, error)
            waiting = self._settle(cloud) if in_time else set()
        for key in waiting:
            self._call(key, 0.0)

    def _give_up(self, cloud: _Cloud, now: float) -> None:
        """Count a call that is past its time as failed, and let it be."""
        call = cloud.under_way
        if call is None or now < call.deadline:
            return
        cloud.under_way = None
        cloud.hanging += 1
        text = f"provisioner {cloud.name!r}: its cloud has not answered refresh for {call.deadline - call.began:g} s"
        _fail(cloud, LLMwrightError(text))
        self._settle(cloud)

    def _settle(self, cloud: _Cloud) -> set[Key]:
        waiting, cloud.waiting = cloud.waiting, set()
        self._changed.notify_all()
        return waiting


def _fail(cloud: _Cloud, error: LLMwrightError) -> None:
    failures = cloud.snapshot.failures + 1
    asked_s = getattr(error, "retry_after_s", None) or 0.0
    pause_s = max(PAUSES.pause_s(failures, jitter=random.random()), asked_s)  # noqa: S311 - no secret
    log.info("provisioner %s: %s; again in %.1f s", cloud.name, error.message, pause_s)
    cloud.snapshot = replace(
        cloud.snapshot,
        due=time.monotonic() + pause_s,
        failures=failures,
        failed_at=datetime.now(UTC),
        error=error,
    )


def unreachable(observed: Observed, cloud: CloudSnapshot, request: NodeRequest) -> Observed:
    """Return ``observed`` where the cloud could not be asked since the last act: nothing can be decided but to wait."""
    message = cloud.error.message if cloud.error is not None else ""
    failed = ProvisionerDecision(outcome=Failed("transient", message, CLOUD_UNREACHABLE), state=request.state)
    return replace(
        observed,
        release=failed,
        provisioner_trouble=Trouble(CLOUD_UNREACHABLE, message),
        attempts=max(cloud.failures, observed.attempts),
        failed_at=cloud.failed_at,
        transient=True,
    )


def has_cloud(driver: Provisioner) -> bool:
    """Whether the driver calls a cloud outside the cluster: it has a ``refresh`` of its own."""
    return type(driver).refresh is not Provisioner.refresh
