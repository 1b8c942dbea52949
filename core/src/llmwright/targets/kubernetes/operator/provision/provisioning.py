"""The provisioners' part of a pass: what they would do, and having it done."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llmwright.errors import LLMwrightError
from llmwright.lifecycle.decision import Action, Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.memory import ActsDone, Memory, ProvisionerRefusals
from llmwright.targets.kubernetes.operator.provision.node_claims import claims_outcome
from llmwright.targets.kubernetes.operator.provision.provisioner_drivers import ProvisionerDrivers
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff
from llmwright.values.nodes import NodeRequest, Outcome, Placement

SETTLE_S = 2.0
"""For how long the caches may not yet show what was done. The same acts are not done again before."""


class Provisioning:
    """Asks the planned provisioner of each Workspace; acts are done in the pool, one set at a time."""

    def __init__(
        self,
        drivers: ProvisionerDrivers,
        snapshot: ClusterSnapshot,
        memory: Memory,
        tasks: Tasks,
        call: Callable[[Key, float], None],
        backoff: Backoff,
    ) -> None:
        """``call`` has a pass made over a Workspace after some seconds; ``backoff`` spaces acts that are refused."""
        self._drivers, self._snapshot, self._memory = drivers, snapshot, memory
        self._tasks, self._call, self._backoff = tasks, call, backoff

    def expect(self, name: str) -> None:
        """Begin to watch what a provisioner will want, before the first Workspace waits for it."""
        for _, driver in self._drivers.usable((name,)):
            for watch in driver.watches():
                self._snapshot.want(watch)

    def observe(self, key: Key, name: str, request: NodeRequest, observed: Observed, now: datetime) -> Observed | None:
        """Return ``observed`` with what the provisioner would do, or why it cannot; None until its kinds are listed."""
        refusals = self._memory.of(key).refusals
        acting = self.is_busy(key)
        observed = replace(observed, attempts=refusals.attempts, failed_at=refusals.failed_at, acting=acting)
        try:
            driver = self._drivers.get(name)
            # All watches begin before the first is looked at: else they would be listed one after the other.
            listed = [self._snapshot.want(watch) for watch in driver.watches()]
            if not all(listed):
                return None
            nodes = driver.observe(request, self._snapshot)
            provision = driver.decide(request, nodes, now)
            release = driver.decide(replace(request, count=0), nodes, now)
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
        """Return where the workload may run; raises PluginError."""
        return self._drivers.get(name).placement(request)

    def carry_out(self, key: Key, name: str, actions: Iterable[Action]) -> None:
        """Have the provisioner's part of ``actions`` done in the pool."""
        for action in actions:
            if isinstance(action, Provision | Release):
                self._submit(key, name, action)

    def is_busy(self, key: Key) -> bool:
        """Return whether acts for a Workspace are being done."""
        return self._tasks.is_busy(("nodes", key))

    def _submit(self, key: Key, name: str, action: Provision | Release) -> None:
        """Do the acts, unless others are being done, or these were done or refused a short while ago."""
        record = self._memory.of(key)
        refusals, done = record.refusals, record.acts_done
        if refusals.failed_at is not None and datetime.now(UTC) < refusals.failed_at + refusals.rest:
            return
        if done is not None and done.action == action and (rest := done.until - time.monotonic()) > 0:
            self._call(key, rest)
            return

        def work() -> None:
            try:
                for act in action.actions:
                    self._drivers.get(name).act(act)
            except LLMwrightError as error:
                attempts = refusals.attempts + 1
                rest = timedelta(seconds=self._backoff.pause_s(attempts))
                record.refusals = ProvisionerRefusals(attempts, datetime.now(UTC), _trouble(error), rest)
                self._call(key, rest.total_seconds())
            else:
                record.refusals = ProvisionerRefusals()
                record.acts_done = ActsDone(action, time.monotonic() + SETTLE_S)

        self._tasks.submit(("nodes", key), work, lambda: self._call(key, 0.0))

    def _claims(self, driver: Provisioner, request: NodeRequest) -> Outcome | None:
        if driver.node_claims is None:
            return None
        kind = driver.node_claims
        claims = self._snapshot.objects(kind.group, kind.plural, request.namespace, request.workspace)
        return claims_outcome(claims, request.count)


def _trouble(error: LLMwrightError) -> Trouble:
    return Trouble(error.reason, f"{error.message} ({error.hint})" if error.hint else error.message)
