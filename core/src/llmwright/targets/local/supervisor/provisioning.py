"""The provisioner's part of the loop: what it would do, and doing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from llmwright.errors import LLMwrightError
from llmwright.lifecycle.decision import Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.drivers import Provisioner
from llmwright.values.plan import Plan


class Nodes:
    """Asks the planned provisioner, and counts its refusals in a row."""

    def __init__(self, find: Callable[[str], Provisioner]) -> None:
        self._find = find
        self._drivers: dict[str, Provisioner] = {}
        self._failures: list[datetime] = []
        self._refused: Trouble | None = None

    def complete(self, observed: Observed, plan: Plan | None, now: datetime) -> Observed:
        """``observed`` with what the provisioner would do, or why it cannot be asked."""
        if plan is None:
            return observed
        observed = replace(
            observed, attempts=len(self._failures), failed_at=self._failures[-1] if self._failures else None
        )
        try:
            driver = self._driver(plan)
            found = driver.observe(plan.nodes, None)
            provision = driver.decide(plan.nodes, found, now)
            release = driver.decide(replace(plan.nodes, count=0), found, now)
        except LLMwrightError as error:
            return replace(observed, provisioner_trouble=Trouble(error.reason, error.message))
        return replace(observed, provision=provision, release=release, provisioner_trouble=self._refused)

    def carry_out(self, action: Provision | Release, plan: Plan) -> None:
        """Let the provisioner act; a refusal is told by the next observation."""
        try:
            for item in action.actions:
                self._driver(plan).act(item)
        except LLMwrightError as error:
            self._failures.append(datetime.now(UTC))
            self._refused = Trouble(error.reason, error.message)
        else:
            self._failures.clear()
            self._refused = None

    def _driver(self, plan: Plan) -> Provisioner:
        name = plan.provisioner.name
        if name not in self._drivers:
            self._drivers[name] = self._find(name)
        return self._drivers[name]
