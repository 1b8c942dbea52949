"""The provisioners' part of a pass: what they would do, and having it done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from llmwright.errors import LLMwrightError, PluginError
from llmwright.lifecycle.decision import Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.informers import Caches
from llmwright.targets.kubernetes.operator.provision.node_claims import claims_outcome
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.nodes import NodeRequest, Outcome, Placement

log = logging.getLogger(__name__)

Find = Callable[[str], Provisioner]

SETTLE_S = 2.0
"""How long the caches may take to tell of what was done: until then the same acts are not done again."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """How often in a row a provisioner's acts were refused for one Workspace, when last, why, and how long to rest."""

    attempts: int = 0
    failed_at: datetime | None = None
    trouble: Trouble | None = None
    rest: timedelta = timedelta()


class Provisioning:
    """Asks the planned provisioner of each Workspace; acts are done in the pool, one set at a time."""

    def __init__(
        self,
        find: Find,
        caches: Caches,
        tasks: Tasks,
        call: Callable[[Key, float], None],
        backoff: Callable[[int], float],
    ) -> None:
        """``call`` has a Workspace looked at after some seconds; ``backoff`` gives them for a count of refusals."""
        self._find, self._caches, self._tasks = find, caches, tasks
        self._call, self._backoff = call, backoff
        self._drivers: dict[str, Provisioner] = {}
        self._refusals: dict[Key, Refusals] = {}
        self._done: dict[Key, tuple[Provision | Release, float]] = {}

    def expect(self, name: str) -> None:
        """Begin to watch what a provisioner will want, before the first Workspace waits for it."""
        for _, driver in self.usable((name,)):
            for watch in driver.watches():
                self._caches.want(watch)

    def observe(self, key: Key, name: str, request: NodeRequest, observed: Observed, now: datetime) -> Observed | None:
        """``observed`` with what the provisioner would do, or why it cannot; None until its kinds are listed."""
        refusals = self._refusals.get(key, Refusals())
        observed = replace(observed, attempts=refusals.attempts, failed_at=refusals.failed_at)
        try:
            driver = self._driver(name)
            listed = [self._caches.want(watch) for watch in driver.watches()]
            if not all(listed):
                return None
            found = driver.observe(request, self._caches)
            provision = driver.decide(request, found, now)
            release = driver.decide(replace(request, count=0), found, now)
        except LLMwrightError as error:
            return replace(observed, provisioner_trouble=_trouble(error))
        return replace(
            observed,
            provision=provision,
            release=release,
            provisioner_trouble=refusals.trouble,
            claims=self._claims(driver, request),
        )

    def placement(self, name: str, request: NodeRequest) -> Placement:
        """Where the workload may run; raises PluginError."""
        return self._driver(name).placement(request)

    def carry_out(self, key: Key, name: str, action: Provision | Release) -> None:
        """Have the acts done in the pool, unless some are being done, or were done or refused a short while ago."""
        before = self._refusals.get(key, Refusals())
        if before.failed_at is not None and datetime.now(UTC) < before.failed_at + before.rest:
            return
        done, until = self._done.get(key, (None, 0.0))
        if action == done and (rest := until - time.monotonic()) > 0:
            self._call(key, rest)
            return

        def work() -> None:
            try:
                for item in action.actions:
                    self._driver(name).act(item)
            except LLMwrightError as error:
                rest = timedelta(seconds=self._backoff(before.attempts + 1))
                self._refusals[key] = Refusals(before.attempts + 1, datetime.now(UTC), _trouble(error), rest)
                self._call(key, rest.total_seconds())
            else:
                self._refusals.pop(key, None)
                self._done[key] = (action, time.monotonic() + SETTLE_S)

        self._tasks.submit(("nodes", key), work, lambda: self._call(key, 0.0))

    def is_busy(self, key: Key) -> bool:
        """Whether acts for it are being done."""
        return self._tasks.is_busy(("nodes", key))

    def forget(self, key: Key) -> None:
        """The Workspace is gone."""
        self._refusals.pop(key, None)
        self._done.pop(key, None)

    def usable(self, names: Iterable[str]) -> Iterator[tuple[str, Provisioner]]:
        """Those of ``names`` that serve clusters; one that is broken is said so where a Workspace names it."""
        for name in names:
            try:
                yield name, self._driver(name)
            except PluginError as error:
                log.debug("%s: %s", name, error.message)

    @property
    def loaded(self) -> tuple[str, ...]:
        """The provisioners in use, by name."""
        return tuple(sorted(self._drivers))

    def _claims(self, driver: Provisioner, request: NodeRequest) -> Outcome | None:
        if driver.node_claims is None:
            return None
        kind = driver.node_claims
        claims = self._caches.objects(kind.group, kind.plural, request.namespace, request.workspace)
        return claims_outcome(claims, request.count)

    def _driver(self, name: str) -> Provisioner:
        found = self._drivers.get(name)
        if found is None:
            found = self._find(name)
            if "kubernetes" not in found.targets:
                raise PluginError(f"provisioner {name!r} does not serve clusters", reason="WrongTarget")
            self._drivers[name] = found
        return found


def _trouble(error: LLMwrightError) -> Trouble:
    return Trouble(error.reason, f"{error.message} ({error.hint})" if error.hint else error.message)
