"""One Workspace's supervisor: observe, decide, act, wait; the same loop as every target's."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import TargetError
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Action, Decision, Event, Finish, Provision, Release, Start, Stop
from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.lifecycle.policy import Policy
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.local.launch.context import Place
from llmwright.targets.local.process.leftovers import end_all
from llmwright.targets.local.store.applied import Request
from llmwright.targets.local.store.apply import accepted
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.workspace_store import WorkspaceState
from llmwright.targets.local.supervisor.event_wait import Wakeups
from llmwright.targets.local.supervisor.provisioning import Nodes
from llmwright.targets.local.supervisor.roles import Crew
from llmwright.values.plan import Plan

log = logging.getLogger(__name__)

IDLE_S = 30.0
"""The longest wait: a change of the files that nobody told of is seen after that time."""

RETRY_S = 5.0
"""How long to wait after a disk refused."""


class Plugins(Protocol):
    """What a supervisor needs of the installed plugins."""

    def provisioner(self, name: str) -> Provisioner:
        """The driver of that name; raises PluginError."""

    def status_changed(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        """Tell the observers."""


class Supervisor:
    """Runs until the Workspace is deleted, stopped or has nothing left to do. Holds the supervisor's lock."""

    def __init__(
        self, state: WorkspaceState, request: Request, wakeups: Wakeups, plugins: Plugins, lock: FileLock
    ) -> None:
        self._state, self._request, self._wakeups, self._plugins = state, request, wakeups, plugins
        self._lock = lock
        self._pool = ThreadPoolExecutor(max_workers=2, thread_name_prefix="probe")
        self._observers = ThreadPoolExecutor(max_workers=1, thread_name_prefix="observer")
        self._place = place_of(state, request)
        self._crew = Crew(state, request.options, self._submit)
        self._options = request.options
        self._plan: Plan | None = None
        self._plan_trouble: Trouble | None = None
        self._status: WorkspaceStatus | None = None
        self._nodes = Nodes(plugins.provisioner)
        self._again: float | None = None
        self._wrote = False
        self._decided_at = -1

    def run(self) -> None:
        """The loop; a bug ends it with the condition ``InternalError``, and the children with it."""
        try:
            self._status = self._state.read_status()
            self._crew.take_over(self._place)
            while self._pass():
                self._wakeups.wait(self._rest())
        except Exception as error:
            self._confess(error)
            raise
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._observers.shutdown()

    def _pass(self) -> bool:
        """One look at the world; False where nothing is left to do here."""
        try:
            return self._turn()
        except TargetError as error:
            log.error("%s", error.message)
            self._again, self._decided_at = RETRY_S, self._crew.changes
            return True

    def _turn(self) -> bool:
        request = self._state.read_request()
        if request is None or self._wakeups.ending or request.stopped:
            return self._wind_down(request)
        if self._crew.parked or self._options != request.options:
            return self._renew(request)
        self._turn_to(request)
        self._crew.step()
        self._decided_at = self._crew.changes
        decision = self._decide()
        self._write(decision)
        for action in decision.actions:
            self._act(action)
        self._tell(decision.events)
        if any(isinstance(action, Finish) for action in decision.actions):
            self._finish()
            return False
        self._crew.step()
        self._again = decision.again_in
        return not (self._is_settled(decision) and self._settle())

    def _turn_to(self, request: Request) -> None:
        self._crew.turn_to(request.generation)
        self._request, self._place = request, place_of(self._state, request)
        try:
            self._plan, self._plan_trouble = accepted(self._state.read_plan(), request), None
        except TargetError as error:
            self._plan, self._plan_trouble = None, Trouble(error.reason, error.message)

    def _renew(self, request: Request) -> bool:
        """After a change of address or port, or of mind about stopping: all end, and go on from where they were."""
        self._crew.park()
        self._crew.step()
        self._again, self._decided_at = None, self._crew.changes
        if self._crew.idle:
            self._options = request.options
            self._crew = Crew(self._state, request.options, self._submit)
            self._crew.take_over(place_of(self._state, request))
            self._again = 0.0
        return True

    def _rest(self) -> float:
        if self._crew.changes != self._decided_at:
            return 0.0
        rests = [IDLE_S, self._crew.rest_s(), self._again]
        return max(min(rest for rest in rests if rest is not None), 0.0)

    def _decide(self) -> Decision:
        options = self._request.options
        policy = Policy(on_success=options.on_success, preflight=options.preflight)
        now = datetime.now(UTC)
        return decide(self._request.parsed(), self._plan, self._observe(now), self._status, now, policy)

    def _observe(self, now: datetime) -> Observed:
        found = self._crew.workloads(self._place)
        observed = Observed(
            deleting=self._request.deleting,
            preflight=found.get("preflight", Workload()),
            tuning=found.get("tuning", Workload()),
            serving=found.get("serving", Workload()),
            output=self._output(),
            plan_trouble=self._plan_trouble,
            keeps_finished=True,
            newer_plan=self._request.newer_plan,
        )
        return self._nodes.complete(observed, self._plan, now)

    def _output(self) -> str | None:
        tuning = self._request.parsed().tuning
        if tuning is None or self._plan is None or self._plan.tuning is None:
            return None
        if tuning.output is not None and tuning.output.image:
            return tuning.output.image
        return str(self._place.results(self._plan.tuning))

    def _write(self, decision: Decision) -> None:
        if decision.status == self._status and self._wrote:
            return
        self._wrote = True
        moved = self._status is None or self._status.conditions != decision.status.conditions
        self._state.write_status(decision.status, durable=moved)
        before, self._status = self._status, decision.status
        self._observers.submit(self._plugins.status_changed, self._request.parsed(), before, decision.status)

    def _act(self, action: Action) -> None:
        if isinstance(action, Start):
            self._crew.start(action, self._place)
        elif isinstance(action, Stop):
            self._crew.stop(action.role)
        elif isinstance(action, Provision | Release) and self._plan is not None:
            self._nodes.carry_out(action, self._plan)

    def _tell(self, events: tuple[Event, ...]) -> None:
        for event in events:
            log.log(logging.INFO if event.type == "Normal" else logging.WARNING, "%s: %s", event.reason, event.message)

    def _wind_down(self, request: Request | None) -> bool:
        """End all processes; once they are gone the status says so, and this process ends."""
        self._crew.park()
        self._crew.step()
        self._again, self._decided_at = None, self._crew.changes
        if not self._crew.idle:
            return True
        if request is None:
            return False
        self._turn_to(request)
        self._write(self._decide())
        return not self._leave(request)

    def _confess(self, error: Exception) -> None:
        """Say in the status that it is our fault, as far as that can still be said."""
        log.exception("internal error")
        self._plan_trouble = Trouble("InternalError", f"{type(error).__name__}: {error}")
        with contextlib.suppress(Exception):
            self._write(self._decide())

    def _is_settled(self, decision: Decision) -> bool:
        seen = self._crew.changes == self._decided_at
        return seen and not decision.actions and decision.again_in is None and self._crew.idle

    def _settle(self) -> bool:
        """End where nothing is left to do."""
        return self._leave(self._request, settled=True)

    def _leave(self, request: Request, *, settled: bool = False) -> bool:
        """Let go of the Workspace, unless somebody applied something meanwhile.

        Under the apply lock, so that whoever applies next either is seen here or finds nobody at work.
        """
        with FileLock(self._state.apply_lock):
            if self._state.read_request() != request:
                return False
            if settled:
                self._crew.settle()
            self._lock.free()
            return True

    def _finish(self) -> None:
        """Forget the Workspace, and see that nothing of it goes on."""
        end_all(self._state.read_runs(), self._place.mark)
        with FileLock(self._state.apply_lock):
            self._place.clear()
            self._state.remove()

    def _submit(self, check: Callable[[], bool]) -> Future[bool]:
        future = self._pool.submit(check)
        future.add_done_callback(self._wakeups.wake)
        return future


def place_of(state: WorkspaceState, request: Request) -> Place:
    """The folders of that Workspace."""
    return Place(
        volumes=state.volumes,
        mark=str(state.directory),
        host=request.options.host,
        base_directory=Path(request.base_directory),
        config_files=request.config_files,
        docker_config=request.options.docker_config,
        secrets=request.secrets,
    )


def supervise(state: WorkspaceState, plugins_for: Callable[[Request], Plugins], inherited: int | None = None) -> int:
    """Become the supervisor of that Workspace; returns the exit code. A second one ends at once, and well.

    ``inherited`` is the handle of the lock where it was born with it. The lock is freed by the kernel where the
    supervisor does not let go of it itself.
    """
    lock = FileLock(state.supervisor_lock, inherited)
    if not state.exists or (inherited is None and not lock.take(wait_s=2.0)):
        return 0
    request = state.read_request()
    if request is not None:
        Supervisor(state, request, Wakeups(state.wake), plugins_for(request), lock).run()
    return 0
