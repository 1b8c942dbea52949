"""The supervisor's loop: observe, decide, act, wait; the same for every target."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import TargetError
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Action, Decision, Event, Finish, Provision, Release, Start, Stop
from llmwright.lifecycle.observed import Trouble
from llmwright.lifecycle.policy import Policy
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.local.launch.context import LaunchContext
from llmwright.targets.local.process.leftovers import end_leftovers
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.changes import plan_of_rollout
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.supervisor.event_wait import EventWait
from llmwright.targets.local.supervisor.observe import observe
from llmwright.targets.local.supervisor.provisioner_step import ProvisionerStep
from llmwright.targets.local.supervisor.roles import RoleRunners
from llmwright.targets.local.supervisor.status_writer import StatusWriter
from llmwright.values.plan import Plan

log = logging.getLogger(__name__)

CLAIM_S = 1.0
"""How long a command that asks whether the server answers may hold up the claim that it does."""

LONGEST_WAIT_S = 30.0
"""After that time a pass sees changes of the files that no wake announced."""

RETRY_S = 5.0
"""The pause after the disk refused a write."""


class Plugins(Protocol):
    """The installed plugins, as far as a supervisor uses them."""

    def provisioner(self, name: str) -> Provisioner:
        """Return the driver of that name; raises PluginError."""

    def status_changed(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        """Notify the observers."""


class Supervisor:
    """Carries one Workspace out until it is deleted, stopped or has nothing left to do.

    It holds the supervisor's lock, and never acts on two passes at once. After a bug it ends with the condition
    ``InternalError``, and its processes with it.
    """

    def __init__(
        self, store: WorkspaceStore, applied: AppliedWorkspace, events: EventWait, plugins: Plugins, lock: FileLock,
        users_umask: int = -1,
    ) -> None:  # fmt: skip
        self._users_umask = users_umask
        self._store, self._applied, self._events, self._lock = store, applied, events, lock
        self._probes = ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe")
        self._context = LaunchContext.of_workspace(store, applied, users_umask)
        self._options = applied.options
        self._roles = RoleRunners(store, applied.options, self._submit_probe)
        self._provisioner = ProvisionerStep(plugins.provisioner, events.wake)
        self._status = StatusWriter(store, plugins.status_changed)
        self._answering = FileLock(store.answering_lock)
        self._damage = ""
        self._plan: Plan | None = None
        self._plan_trouble: Trouble | None = None
        self._again_in_s: float | None = None
        self._decided_at = -1

    def run(self) -> None:
        """Make passes until nothing is left to do."""
        try:
            self._store.create()
            self._status.read()
            self._roles.take_over(self._context)
            while self._pass_or_retry():
                self._events.wait(self._wait_s())
        except Exception as error:
            self._report_internal_error(error)
            raise
        finally:
            # A probe may hang until its timeout, and its server has ended.
            self._probes.shutdown(wait=False, cancel_futures=True)
            self._answering.release()
            self._status.close()

    def _pass_or_retry(self) -> bool:
        """Make one pass, again later where the disk refuses; return False where nothing is left to do here."""
        try:
            return self._pass()
        except TargetError as error:
            log.error("%s", error.message)
            self._again_in_s, self._decided_at = RETRY_S, self._roles.changes
            return True

    def _pass(self) -> bool:
        applied = self._read_applied()
        if applied is None or self._events.ending or applied.stopped:
            return self._stop_processes(applied)
        if self._roles.draining or self._options != applied.options:
            return self._restart_processes(applied)
        self._accept(applied)
        self._roles.step()
        decision = self._decide()
        self._claim()
        # The status before the acts: after a crash in between, the acts are decided again. The other way round, no
        # status knows that a tuning which was stopped is finished, and it is done again.
        self._write_status(applied, decision.status)
        self._provisioner.recorded()
        for action in decision.actions:
            self._act(action)
        _log_events(decision.events)
        finish = next((action for action in decision.actions if isinstance(action, Finish)), None)
        if finish is not None and not finish.unreleased:
            self._remove_workspace()
            return False
        if finish is not None:
            return not self._end_unless_applied(settled=True)
        self._roles.step()
        self._again_in_s = decision.again_in
        return not (self._is_settled(decision) and self._end_unless_applied(settled=True))

    def _read_applied(self) -> AppliedWorkspace | None:
        """Return what the user wants: what was read last, where the file is damaged since."""
        try:
            return self._store.read_applied()
        except TargetError as error:
            if error.message != self._damage:
                log.error("%s", error.message)
            self._damage = error.message
            return self._applied

    def _write_status(self, applied: AppliedWorkspace, status: WorkspaceStatus) -> None:
        try:
            self._status.write(applied.parsed(), status)
        except TargetError as error:
            # What is being deleted needs no status, and its end frees the disk that refuses one.
            if not applied.deleting:
                raise
            log.warning("%s", error.message)

    def _claim(self) -> None:
        """Hold the lock without which no command believes that the server answers."""
        if not (self._roles.answers and self._answering.is_current):
            self._answering.release()
        if self._roles.answers and not self._answering.handle and not self._answering.acquire(wait_s=CLAIM_S):
            log.warning("%s is held by another process", self._store.answering_lock)

    def _accept(self, applied: AppliedWorkspace) -> None:
        """Take over what the user wants now, and its plan."""
        self._roles.accept_generation(applied.generation)
        self._applied, self._context = applied, LaunchContext.of_workspace(self._store, applied, self._users_umask)
        try:
            self._plan, self._plan_trouble = plan_of_rollout(self._store.read_plan(), applied), None
        except TargetError as error:
            self._plan, self._plan_trouble = None, Trouble.of(error)

    def _decide(self) -> Decision:
        # Before the roles are observed: a change that comes later makes the next pass follow at once.
        self._decided_at = self._roles.changes
        options = self._applied.options
        policy = Policy(on_success=options.on_success, preflight=options.preflight)
        now = datetime.now(UTC)
        observed = observe(self._applied, self._plan, self._plan_trouble, self._roles, self._context)
        observed = self._provisioner.observe(observed, self._plan, self._status.last, now)
        return decide(self._applied.parsed(), self._plan, observed, self._status.last, now, policy)

    def _act(self, action: Action) -> None:
        if isinstance(action, Start):
            self._roles.start(action, self._context)
        elif isinstance(action, Stop):
            self._roles.stop(action.role)
        elif isinstance(action, Provision | Release) and self._plan is not None:
            self._provisioner.act(action, self._plan)

    def _wait_s(self) -> float:
        if self._roles.changes != self._decided_at:
            return 0.0
        waits = [LONGEST_WAIT_S, self._roles.due_in_s(), self._provisioner.due_in_s(), self._again_in_s]
        return max(min(wait for wait in waits if wait is not None), 0.0)

    def _stop_processes(self, applied: AppliedWorkspace | None) -> bool:
        """End all processes; once they are gone, write the status and end this process too."""
        if not self._drained():
            return True
        if applied is None:
            return False
        self._accept(applied)
        self._status.write(applied.parsed(), self._decide().status)
        return not self._end_unless_applied()

    def _restart_processes(self, applied: AppliedWorkspace) -> bool:
        """End all processes after a change of the options, or of the wish to stop; then go on from the record."""
        if self._drained():
            self._options = applied.options
            self._roles = RoleRunners(self._store, applied.options, self._submit_probe)
            self._roles.take_over(LaunchContext.of_workspace(self._store, applied, self._users_umask))
            self._again_in_s = 0.0
        return True

    def _drained(self) -> bool:
        """Return whether all processes have ended, which are asked to."""
        self._roles.drain()
        # At once: a disk that refuses the status of what is stopped must not leave the claim of what answered.
        self._claim()
        self._roles.step()
        self._again_in_s, self._decided_at = None, self._roles.changes
        return self._roles.idle

    def _is_settled(self, decision: Decision) -> bool:
        has_seen_all = self._roles.changes == self._decided_at
        # Not before the cloud has answered: a Workspace that is to go would leave its machine behind.
        at_rest = self._roles.idle and not self._provisioner.acting and not self._provisioner.unanswered
        return has_seen_all and not decision.actions and decision.again_in is None and at_rest

    def _end_unless_applied(self, *, settled: bool = False) -> bool:
        """Release the supervisor's lock, unless the user changed something since; return whether it is released."""
        # Under the apply lock: else an apply after the comparison wakes this process, which ends all the same, and the
        # change is not carried out.
        with FileLock(self._store.apply_lock):
            if self._store.read_applied() != self._applied:
                return False
            if settled:
                # Before the lock is released: else a repair in between starts a supervisor with nothing to do.
                self._roles.record_settled()
            self._lock.release()
            return True

    def _remove_workspace(self) -> None:
        # Processes first: one that still runs would write into the folder of the next Workspace of that name.
        self._answering.release()
        end_leftovers(self._store.read_record_if_readable(), self._context.mark, self._store.supervisor_arguments)
        with FileLock(self._store.apply_lock):
            self._context.volumes.free_memory()
            self._store.remove()

    def _report_internal_error(self, error: Exception) -> None:
        """Write the condition ``InternalError``, as far as that is still possible."""
        log.exception("internal error")
        self._plan_trouble = Trouble("InternalError", f"{type(error).__name__}: {error}")
        with contextlib.suppress(Exception):
            self._status.write(self._applied.parsed(), self._decide().status)

    def _submit_probe(self, check: Callable[[], bool]) -> Future[bool]:
        future = self._probes.submit(check)
        future.add_done_callback(self._events.wake)
        return future


def supervise(
    store: WorkspaceStore, plugins_for: Callable[[AppliedWorkspace], Plugins], inherited_lock: int | None = None,
    users_umask: int = -1,
) -> int:  # fmt: skip
    """Become the supervisor of that Workspace; return the exit code, 0 also where another one is at work.

    ``inherited_lock`` is the handle of the supervisor's lock where the command that started this process acquired it,
    ``users_umask`` the umask of that command.
    """
    lock = FileLock(store.supervisor_lock, inherited_lock)
    try:
        if not store.exists or (inherited_lock is None and not lock.acquire(wait_s=2.0)):
            return 0
        applied = store.read_applied()
    except TargetError as error:
        log.error("%s", error.message)
        return 1
    if applied is not None:
        Supervisor(store, applied, EventWait(store.wake_pipe), plugins_for(applied), lock, users_umask).run()
    return 0


def _log_events(events: tuple[Event, ...]) -> None:
    for event in events:
        log.log(logging.INFO if event.type == "Normal" else logging.WARNING, "%s: %s", event.reason, event.message)
