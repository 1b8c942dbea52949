"""The provisioners' part of a pass: what they would do, and having it done."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from llmwright.errors import LLMwrightError, PluginContract
from llmwright.lifecycle.decision import Action, Look, Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.answers import checked
from llmwright.plugins.driver_calls import driver_call
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.clouds import LEAST_S, SETTLE_S, CloudSnapshots, has_cloud, unreachable
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.memory import (
    NOTHING_LEARNED,
    ActsDone,
    LearnedState,
    Memory,
    ProvisionerRefusals,
    WorkspaceMemory,
)
from llmwright.targets.kubernetes.operator.provision.node_claims import claims_outcome
from llmwright.targets.kubernetes.operator.provision.node_labels import with_labels_checked
from llmwright.targets.kubernetes.operator.provision.provisioner_drivers import ProvisionerDrivers
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.backoff import Backoff
from llmwright.values.node_object import node_object
from llmwright.values.nodes import NodeRequest, Outcome, Placement, Watch, required_labels

DELETION = "deletion"
"""Stands for the user's wish where a Workspace is being deleted: refusals from before do not count."""

NOTHING_FAILED = ProvisionerRefusals()

log = logging.getLogger(__name__)


class Provisioning:
    """Asks the planned provisioner of each Workspace; acts are done in the pool, one set at a time."""

    def __init__(
        self,
        drivers: ProvisionerDrivers,
        snapshot: ClusterSnapshot,
        clouds: CloudSnapshots,
        memory: Memory,
        tasks: Tasks,
        call: Callable[[Key, float], None],
        backoff: Backoff,
    ) -> None:
        """``call`` has a pass made over a Workspace after some seconds; ``backoff`` spaces acts that are refused."""
        self._drivers, self._snapshot, self._clouds, self._memory = drivers, snapshot, clouds, memory
        self._tasks, self._call, self._backoff = tasks, call, backoff

    def expect(self, name: str) -> None:
        """Begin to watch what a provisioner will want, before the first Workspace waits for it."""
        for _, driver in self._drivers.usable((name,)):
            try:
                with driver_call("provisioner", name, "watches"):
                    watches = driver.watches()
            except LLMwrightError:
                continue
            for watch in watches:
                self._snapshot.want(watch)

    def observe(self, key: Key, name: str, request: NodeRequest, observed: Observed, now: datetime) -> Observed | None:
        """Return ``observed`` with what the provisioner would do, or why it cannot; None until its kinds are listed."""
        record, inputs = self._memory.of(key), request.inputs
        refusals = _of_wish(record.refusals, inputs)
        acting = self.is_busy(key)
        observed = replace(observed, attempts=refusals.attempts, failed_at=refusals.failed_at, acting=acting)
        faults = _of_wish(record.driver_faults, inputs)
        if faults.rests(now, inputs):
            return _faulty(observed, faults)
        try:
            driver = self._drivers.get(name)
            with driver_call("provisioner", name, "watches"):
                watches = driver.watches()
            # All watches begin before the first is looked at: else they would be listed one after the other.
            listed = [self._snapshot.want(watch) for watch in watches]
            if not all(listed):
                return None
            cloud = self._clouds.of(name, driver, key, record.acted) if has_cloud(driver) else None
            if cloud is not None and not cloud.shows(record.acted):
                return unreachable(observed, cloud, request) if cloud.error is not None else None
            request = replace(request, state={**request.state, **record.learned.state})
            placement = self.placement(name, request)
            required = required_labels(request, placement)
            if cloud is not None:
                # By the driver's own labels: a node that lacks the user's is there, and has to be named.
                own = required if dict(placement.selector) == dict(request.selector) else placement.selector
                request = replace(request, joined=tuple(map(node_object, self._snapshot.nodes(own))))
            content = cloud.content if cloud is not None else None
            with driver_call("provisioner", name, "observe"):
                nodes = driver.observe(request, self._snapshot if content is None else content)
            with driver_call("provisioner", name, "decide"):
                provision, release = (
                    checked("provisioner", "decide", driver.decide(wanted, nodes, now))
                    for wanted in (request, replace(request, count=0))
                )
        except PluginContract as error:
            record.driver_faults = self._counted(faults, error, now, inputs)
            return _faulty(observed, record.driver_faults)
        except LLMwrightError as error:
            return replace(observed, provisioner_trouble=Trouble.of(error))
        record.driver_faults = NOTHING_FAILED
        record.shown, record.offered = record.learned, bool(provision.actions or release.actions)
        return replace(
            observed,
            provision=with_labels_checked(provision, required, self._snapshot.node),
            release=release,
            provisioner_trouble=refusals.trouble,
            look_due=cloud is None and self._is_look_due(watches, record),
            claims=self._claims(driver, request),
        )

    def placement(self, name: str, request: NodeRequest) -> Placement:
        """Return where the workload may run; raises PluginError."""
        driver = self._drivers.get(name)
        with driver_call("provisioner", name, "placement"):
            return driver.placement(request)

    def carry_out(self, key: Key, name: str, inputs: str, actions: Iterable[Action]) -> None:
        """Have the provisioner's part of ``actions`` done in the pool, for the user's wish of digest ``inputs``."""
        actions, record = tuple(actions), self._memory.of(key)
        acts = any(isinstance(action, Provision | Release) for action in actions)
        # Only now, when the status holds what was made of it. An act that is put off leaves its state unrecorded.
        if record.learned is record.shown and (acts or not record.offered):
            record.learned = NOTHING_LEARNED
        for action in actions:
            if isinstance(action, Provision | Release):
                self._submit(key, name, inputs, action)
            elif isinstance(action, Look):
                self._look(key, name, inputs)

    def is_busy(self, key: Key) -> bool:
        """Return whether acts for a Workspace are being done."""
        return self._tasks.is_busy(("nodes", key))

    def _submit(self, key: Key, name: str, inputs: str, action: Provision | Release) -> None:
        """Do the acts, unless others are being done, or these were done or refused a short while ago."""
        record = self._memory.of(key)
        refusals, done = _of_wish(record.refusals, inputs), record.acts_done
        if self._rests(key, refusals, inputs):
            return
        if done is not None and (rest := done.rest_s(action, inputs)) > 0:
            self._call(key, rest)
            return

        def work() -> None:
            try:
                driver = self._drivers.get(name)
                for act in action.actions:
                    with driver_call("provisioner", name, "act"):
                        learned = checked("provisioner", "act", driver.act(act))
                    if learned:
                        record.learned = LearnedState({**record.learned.state, **learned})
            except LLMwrightError as error:
                record.refusals = self._counted(refusals, error, datetime.now(UTC), inputs)
                self._call(key, record.refusals.rest.total_seconds())
            else:
                record.refusals = NOTHING_FAILED
                record.acts_done = ActsDone(action, time.monotonic() + SETTLE_S, inputs)
            finally:
                # The end of the acts: what was read while they were done may show them or not.
                record.acted = time.monotonic()

        self._tasks.submit(("nodes", key), work, lambda pause_s: self._call(key, pause_s))

    def _look(self, key: Key, name: str, inputs: str) -> None:
        """Read the provisioner's objects of a Workspace past the caches, unless that was refused a short while ago."""
        record = self._memory.of(key)
        refusals = _of_wish(record.refusals, inputs)
        if self._rests(key, refusals, inputs):
            return

        def work() -> None:
            began = time.monotonic()
            try:
                driver = self._drivers.get(name)
                with driver_call("provisioner", name, "watches"):
                    watches = driver.watches()
                self._snapshot.look(watches, key)
            except LLMwrightError as error:
                record.refusals = self._counted(refusals, error, datetime.now(UTC), inputs)
                self._call(key, record.refusals.rest.total_seconds())
            else:
                record.refusals = NOTHING_FAILED
                record.looked = began

        # Under the name of the acts: nothing is bought while somebody looks.
        self._tasks.submit(("nodes", key), work, lambda pause_s: self._call(key, pause_s))

    def _rests(self, key: Key, refusals: ProvisionerRefusals, inputs: str) -> bool:
        """Return whether nothing is tried yet, as it was refused a short while ago; then a pass is called for."""
        pause_s = refusals.rest_s(datetime.now(UTC), inputs)
        if pause_s > 0:
            # When the rest is over: the pass that was called for then may have come a moment before.
            self._call(key, max(pause_s, LEAST_S))
        return pause_s > 0

    def _is_look_due(self, watches: Iterable[Watch], record: WorkspaceMemory) -> bool:
        looked = record.looked is not None and record.looked >= record.acted
        return not looked and self._snapshot.may_hide(watches)

    def _counted(
        self, before: ProvisionerRefusals, error: LLMwrightError, now: datetime, inputs: str
    ) -> ProvisionerRefusals:
        attempts = before.attempts + 1
        rest = timedelta(seconds=max(self._backoff.pause_s(attempts), getattr(error, "retry_after_s", None) or 0.0))
        return ProvisionerRefusals(attempts, now, Trouble.of(error), rest, inputs)

    def _claims(self, driver: Provisioner, request: NodeRequest) -> Outcome | None:
        if driver.node_claims is None:
            return None
        kind = driver.node_claims
        claims = self._snapshot.objects(kind.group, kind.plural, request.namespace, request.workspace)
        return claims_outcome(claims, request.count)


def _of_wish(refusals: ProvisionerRefusals, inputs: str) -> ProvisionerRefusals:
    return refusals if refusals.inputs == inputs else NOTHING_FAILED


def _faulty(observed: Observed, faults: ProvisionerRefusals) -> Observed:
    trouble = faults.trouble
    return replace(observed, provisioner_trouble=trouble, driver_faults=faults.attempts, failed_at=faults.failed_at)
