"""The planned provisioner's part of a pass: ask it what it would do, and have it act."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import LLMwrightError, PluginContract
from llmwright.lifecycle.decision import Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.lifecycle.policy import PAUSES
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.clouds import (
    SETTLE_S,
    CloudSnapshot,
    CloudSnapshots,
    Key,
    has_cloud,
    in_a_thread,
    unreachable,
)
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Plan


class ProvisionerStep:
    """Calls the planned provisioner, and counts the acts in a row that it refused.

    Acts are done in a thread of their own, one set at a time: a cloud that takes long holds up no pass.

    Args:
        load: gives a driver by name.
        wake: ends the supervisor's wait.
        start: does work beside the caller's, under a name.
    """

    def __init__(
        self,
        load: Callable[[str], Provisioner],
        wake: Callable[[], None] = lambda: None,
        start: Callable[[Callable[[], None], str], None] = in_a_thread,
    ) -> None:
        self._load, self._wake, self._start = load, wake, start
        self.acting = False
        self._done: tuple[Provision | Release, float] | None = None
        self._drivers: dict[str, Provisioner] = {}
        self._clouds = CloudSnapshots(self._call, start)
        self._refused_at: list[datetime] = []
        self._refusal: Trouble | None = None
        self._not_before = 0.0
        self._faults, self._faulty_until = 0, 0.0
        self._fault: tuple[Trouble, datetime] | None = None
        self._acted = 0.0
        self._learned: Mapping[str, Any] = {}
        self._shown: Mapping[str, Any] | None = None
        self._due: float | None = None
        self.unanswered = False
        """Whether the last pass could not tell what is there, because the cloud had not answered since the last act."""

    def observe(self, observed: Observed, plan: Plan | None, status: WorkspaceStatus | None, now: datetime) -> Observed:
        """Return ``observed`` with what the provisioner would do, or with why it cannot be asked."""
        self._due, self.unanswered = None, False
        if plan is None:
            return observed
        refused = tuple(self._refused_at)
        observed = replace(
            observed, attempts=len(refused), failed_at=refused[-1] if refused else None, acting=self.acting
        )
        if self._fault is not None and time.monotonic() < self._faulty_until:
            return self._faulty(observed)
        try:
            self._shown = self._learned
            return self._asked(observed, plan, _request(plan, status, self._shown), now)
        except PluginContract as error:
            self._faults += 1
            self._faulty_until = time.monotonic() + PAUSES.pause_s(self._faults)
            self._fault = Trouble.of(error), now
            return self._faulty(observed)
        except LLMwrightError as error:
            return replace(observed, provisioner_trouble=Trouble.of(error))

    def act(self, action: Provision | Release, plan: Plan) -> None:
        """Have the provisioner act, unless it does; a refusal is part of the next observation."""
        if self.acting:
            return
        if (rest_s := max(self._not_before - time.monotonic(), self._settles_s(action))) > 0:
            self._call(("", ""), rest_s)
            return
        self.acting = True
        self._start(lambda: self._act(action, plan), f"acts of provisioner {plan.provisioner.name}")

    def _settles_s(self, action: Provision | Release) -> float:
        """Return for how many seconds these acts need not be done again; 0 where others were done."""
        done, until = self._done or (None, 0.0)
        return max(until - time.monotonic(), 0.0) if done == action else 0.0

    def _act(self, action: Provision | Release, plan: Plan) -> None:
        try:
            for item in action.actions:
                driver = self._driver(plan)
                with driver_call("provisioner", plan.provisioner.name, "act"):
                    self._learned = {**self._learned, **(driver.act(item) or {})}
        except LLMwrightError as error:
            self._refused_at.append(datetime.now(UTC))
            self._refusal = Trouble.of(error)
            self._not_before = time.monotonic() + (getattr(error, "retry_after_s", None) or 0.0)
        else:
            self._refused_at.clear()
            self._refusal = None
            self._done = action, time.monotonic() + SETTLE_S
        finally:
            self._acted = time.monotonic()
            # Last: a pass that sees the end of the acts without their time would take an old answer for a new one.
            self.acting = False
            self._wake()

    def recorded(self) -> None:
        """Note that the status holds what was made of what the acts returned, as far as that was shown to it."""
        if self._learned is self._shown:
            self._learned = {}

    def due_in_s(self) -> float | None:
        """Seconds until the provisioner's cloud, or a pause that it asked for, wants a pass; None for never."""
        return None if self._due is None else max(self._due - time.monotonic(), 0.0)

    def _asked(self, observed: Observed, plan: Plan, request: NodeRequest, now: datetime) -> Observed:
        driver, name = self._driver(plan), plan.provisioner.name
        content = None
        if has_cloud(driver):
            cloud = self._clouds.of(name, driver, (request.namespace, request.workspace), self._acted)
            self.unanswered = not cloud.shows(self._acted)
            if self.unanswered:
                return _unknown(observed, cloud, request)
            content = cloud.content
        with driver_call("provisioner", name, "observe"):
            nodes = driver.observe(request, content)
        with driver_call("provisioner", name, "decide"):
            provision = driver.decide(request, nodes, now)
            release = driver.decide(replace(request, count=0), nodes, now)
        self._faults, self._fault = 0, None
        return replace(observed, provision=provision, release=release, provisioner_trouble=self._refusal)

    def _faulty(self, observed: Observed) -> Observed:
        assert self._fault is not None
        trouble, failed_at = self._fault
        self._call(("", ""), max(self._faulty_until - time.monotonic(), 0.1))
        return replace(observed, provisioner_trouble=trouble, driver_faults=self._faults, failed_at=failed_at)

    def _driver(self, plan: Plan) -> Provisioner:
        name = plan.provisioner.name
        if name not in self._drivers:
            with driver_call("provisioner", name, "__init__"):
                self._drivers[name] = self._load(name)
        return self._drivers[name]

    def _call(self, _: Key, seconds: float) -> None:
        """Have a pass made after some seconds; at once also where the supervisor waits already."""
        due = time.monotonic() + seconds
        self._due = due if self._due is None else min(self._due, due)
        if not seconds:
            self._wake()


def _request(plan: Plan, status: WorkspaceStatus | None, learned: Mapping[str, Any]) -> NodeRequest:
    record = status.provisioner if status is not None else None
    state = {**(record.state if record is not None else {}), **learned}
    return replace(plan.nodes, inputs=plan.inputs, state=state)


def _unknown(observed: Observed, cloud: CloudSnapshot, request: NodeRequest) -> Observed:
    """Return ``observed`` where the cloud has not been asked since the last act, or did not answer."""
    if cloud.error is None:
        # As if it acted: what is there is not seen yet, so nothing ends now.
        return replace(observed, acting=True)
    return unreachable(observed, cloud, request)
