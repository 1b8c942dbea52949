"""One provisioner on one machine: the real supervisor asks it, with its files on disk and simulated time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.conditions import rfc3339
from llmwright.plugins.drivers import Provisioner
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.changes import record_apply
from llmwright.targets.local.store.locks import FileLock
from llmwright.targets.local.store.state_directory import StateDirectory
from llmwright.targets.local.supervisor.event_wait import EventWait
from llmwright.targets.local.supervisor.loop import Supervisor
from llmwright.testing.simulation.given_plan import plan_of, workspace_of
from llmwright.testing.simulation.stand_ins import in_place_of_the_real
from llmwright.testing.simulation.timeline import Timeline
from llmwright.testing.world import World
from llmwright.values.nodes import NodeRequest

SIMULATED = ("llmwright.targets.clouds", "llmwright.targets.local.supervisor")
TICK_S = 30
"""As ``World.tick`` has it."""


class _Wait:
    """Stands for the supervisor's wait for signals and wakes."""

    def __init__(self, timeline: Timeline) -> None:
        self._timeline, self._woken, self.ending = timeline, False, False

    def wait(self, seconds: float | None) -> None:
        """Return after ``seconds``, or at once after a wake."""
        self._timeline.wait(lambda: self._woken, seconds)
        self._woken = False

    def wake(self, *_: object) -> None:
        """End the wait."""
        self._woken = True


@dataclass
class SupervisedMachine:
    """A machine whose supervisor carries out one Workspace, that of ``request``, with ``driver``.

    Nothing is served: the Plan asks for nodes alone. The files are in ``folder``.
    """

    driver: Provisioner
    world: World
    request: NodeRequest
    folder: Path
    acts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.timeline = Timeline(0, self.world.now)
        self.request = replace(self.request, count=1)
        self._store = StateDirectory(self.folder).workspace(self.request.namespace, self.request.workspace)
        self._wait = _Wait(self.timeline)

    @contextmanager
    def going(self) -> Iterator[None]:
        """Let time be simulated, and a supervisor carry out the Workspace."""
        act = self.driver.act

        def counted(action: Any) -> Any:
            self.acts.append(self.timeline.now)
            return act(action)

        with in_place_of_the_real(self.timeline, lambda module: module.startswith(SIMULATED)):
            vars(self.driver)["act"] = counted
            self.timeline.spawn(self._turn, "world", "world")
            self._apply()
            try:
                yield
            finally:
                del vars(self.driver)["act"]
                self.timeline.close()

    def kill(self) -> None:
        """End the supervisor as SIGKILL does, and start another."""
        self.timeline.end("supervisor")
        self._begin()

    def delete(self) -> None:
        """Ask for the Workspace to go."""
        applied = self._store.require_applied()
        self._store.write_deleting(applied)
        self._wait.wake()
        self.timeline.spawn(self._repair, "delete", "command")

    def run(self, seconds: float, stop: Callable[[], bool] = lambda: False) -> bool:
        """Let ``seconds`` pass, or fewer, until ``stop`` holds; return whether it does."""
        self.timeline.run(self.timeline.now + seconds, stop)
        return stop()

    @property
    def exists(self) -> bool:
        """Whether the Workspace is there."""
        return self._store.exists

    @property
    def has_nodes(self) -> bool:
        """Whether the status says that its node is ready."""
        status = self._store.read_status()
        ready = status.condition("ResourceReady") if status is not None else None
        return ready is not None and ready.status == "True"

    @property
    def told(self) -> str:
        """The reason and the message of the condition ``ResourceReady``."""
        status = self._store.read_status()
        about = status.condition("ResourceReady") if status is not None else None
        return f"{about.reason}: {about.message}" if about is not None else "no status"

    def provisioner(self, name: str) -> Provisioner:
        """Return the driver, as the supervisor asks for it."""
        return self.driver

    def status_changed(self, workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
        """Observe nothing."""

    def _apply(self) -> None:
        plan = replace(plan_of(self.driver, self.request, 1, "local"), serving=None, inputs="as-asked")
        applied = AppliedWorkspace(
            workspace=workspace_of(self.driver, self.request, 1),
            generation=1,
            created_at=rfc3339(self.timeline.datetime()),
            base_directory=str(self.folder),
            options=LocalOptions(preflight=False),
        )
        record_apply(self._store, applied, plan)
        self._begin()

    def _begin(self) -> None:
        applied, lock = self._store.require_applied(), FileLock(self._store.supervisor_lock)
        # One after the other: the timeline has ended the one before, and its lock went with it.
        supervisor = Supervisor(self._store, applied, cast(EventWait, self._wait), self, lock)
        self.timeline.spawn(supervisor.run, "supervisor", "supervisor")

    def _repair(self) -> None:
        """Do as the command that waits for the end: a supervisor that had nothing left to do has ended."""
        while self.exists:
            if not any(task.group == "supervisor" for task in self.timeline.tasks):
                self._begin()
            self.timeline.pause(1.0)

    def _turn(self) -> None:
        while True:
            self.timeline.pause(TICK_S)
            self.world.tick()
