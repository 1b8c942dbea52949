"""The planned provisioner's part of a pass: ask it what it would do, and have it act."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from llmwright.errors import LLMwrightError
from llmwright.lifecycle.decision import Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.values.plan import Plan


class ProvisionerStep:
    """Calls the planned provisioner, and counts the acts in a row that it refused. ``load`` gives a driver by name."""

    def __init__(self, load: Callable[[str], Provisioner]) -> None:
        self._load = load
        self._drivers: dict[str, Provisioner] = {}
        self._refused_at: list[datetime] = []
        self._refusal: Trouble | None = None

    def observe(self, observed: Observed, plan: Plan | None, now: datetime) -> Observed:
        """Return ``observed`` with what the provisioner would do, or with why it cannot be asked."""
        if plan is None:
            return observed
        observed = replace(
            observed, attempts=len(self._refused_at), failed_at=self._refused_at[-1] if self._refused_at else None
        )
        try:
            driver, name = self._driver(plan), plan.provisioner.name
            with driver_call("provisioner", name, "observe"):
                nodes = driver.observe(plan.nodes, None)
            with driver_call("provisioner", name, "decide"):
                provision = driver.decide(plan.nodes, nodes, now)
                release = driver.decide(replace(plan.nodes, count=0), nodes, now)
        except LLMwrightError as error:
            return replace(observed, provisioner_trouble=Trouble(error.reason, error.message))
        return replace(observed, provision=provision, release=release, provisioner_trouble=self._refusal)

    def act(self, action: Provision | Release, plan: Plan) -> None:
        """Have the provisioner act; a refusal is part of the next observation."""
        try:
            for item in action.actions:
                driver = self._driver(plan)
                with driver_call("provisioner", plan.provisioner.name, "act"):
                    driver.act(item)
        except LLMwrightError as error:
            self._refused_at.append(datetime.now(UTC))
            self._refusal = Trouble(error.reason, error.message)
        else:
            self._refused_at.clear()
            self._refusal = None

    def _driver(self, plan: Plan) -> Provisioner:
        name = plan.provisioner.name
        if name not in self._drivers:
            self._drivers[name] = self._load(name)
        return self._drivers[name]
