"""What must hold on one machine: at every moment, and once the faults have stopped."""

from __future__ import annotations

from collections.abc import Iterator

from tests.simulation.machine.process_table import USERS_MISTAKE, Defect, Simulated
from tests.simulation.machine.scenarios import Step
from tests.simulation.machine.schedule import Simulation

from llmwright.api.status import WorkspaceStatus
from llmwright.errors import ConfigError, TargetError
from llmwright.targets.local.store.workspace_store import WorkspaceStore

BELIEF_S = 5.0
"""How long a status may claim a server that has just ended: the supervisor looks every two seconds here."""


class Judge:
    """Looks at a simulation. ``troubles`` is what was not as it must be at some moment."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation
        self.troubles: list[str] = []
        self._answered: dict[str, float] = {}

    def watch(self) -> None:
        """Compare what commands would print with what runs, again and again."""
        while True:
            self._simulation.timeline.pause(1.0)
            for name in ("a", "b"):
                self._compare(name)

    def _compare(self, name: str) -> None:
        store, now = self._simulation.store(name), self._simulation.timeline.now
        if any(self._answers(process, store) for process in self._simulation.table.alive()):
            self._answered[name] = now
            return
        try:
            status = store.read_workspace().status
        except (TargetError, ConfigError):
            return
        ready = status and status.condition("Ready")
        self._note_cause(name, status)
        if ready and ready.status == "True" and now - self._answered.get(name, -BELIEF_S) > BELIEF_S:
            self.troubles.append(f"{name} is called ready at {now:.1f} s, and nothing answers")
            self._answered[name] = now + 60.0

    def _answers(self, process: Simulated, store: WorkspaceStore) -> bool:
        return process.port is not None and process.mark == store.mark and not process.killed

    def unmet(self) -> list[str]:
        """Return what is not as the users asked."""
        texts: list[str] = []
        for name, step in self._simulation.plan.wanted.items():
            texts += self._of_one(name, step)
        return texts

    def _of_one(self, name: str, step: Step) -> Iterator[str]:
        store = self._simulation.store(name)
        alive = [*self._simulation.table.alive()]
        processes = [process for process in alive if process.mark == store.mark]
        supervisors = [process for process in alive if process.argv[1:8] == store.supervisor_arguments]
        if step.action == "delete":
            if store.has_folder or processes or supervisors:
                yield f"{name} is not deleted: {[process.argv for process in processes]}"
            return
        if self._simulation.plan.stays_full:
            # Nothing but a deletion can be recorded; that a command says so is looked at where it is given.
            return
        if step.action == "stop":
            if processes:
                yield f"{name} is stopped, and has {[process.argv for process in processes]}"
            return
        yield from self._of_running(name, step, store, processes, len(supervisors))

    def _of_running(
        self, name: str, step: Step, store: WorkspaceStore, processes: list[Simulated], supervisors: int
    ) -> Iterator[str]:
        try:
            status = store.read_workspace().status
        except TargetError as error:
            yield f"{name}: {error.message}"
            return
        defect = self._simulation.plan.defect_of(name, step.action)
        if defect is not None:
            yield from self._of_defect(name, defect, status, processes)
            return
        ready = status and status.condition("Ready")
        if not (status and ready and ready.status == "True"):
            yield f"{name} is not ready: {ready and (ready.reason, ready.message)}"
            return
        servers = [process for process in processes if self._answers(process, store)]
        if len(processes) != 1 or len(servers) != 1 or servers[0].argv[2] != str(step.value):
            yield f"{name} has {[process.argv for process in processes]}, wanted is one server of {step.value}"
        elif status.endpoint != f"http://127.0.0.1:{servers[0].port}":
            yield f"{name} tells another endpoint than its server's"
        if supervisors != 1:
            yield f"{name} has {supervisors} supervisors"

    def _of_defect(
        self, name: str, defect: Defect, status: WorkspaceStatus | None, processes: list[Simulated]
    ) -> Iterator[str]:
        """What can never be as it is asked names the cause that it has, and is not tried where only the user helps."""
        for kind, wanted in (("Ready", "False"), ("Stalled", "True")):
            condition = status.condition(kind) if status is not None else None
            seen = (condition.status, condition.reason, condition.message) if condition is not None else None
            if seen is None or seen[:1] != (wanted,) or seen[1] not in defect.reasons or defect.line not in seen[2]:
                yield f"{name}: {kind} is {seen}, the cause is {defect}"
        # A server of the wish before goes on where nothing of the new one could begin.
        tried = [process.argv for process in processes if process.argv[0] == defect.process]
        if defect.code == USERS_MISTAKE and tried:
            yield f"{name} cannot be helped, and has {tried}"

    def _note_cause(self, name: str, status: WorkspaceStatus | None) -> None:
        """Hold what is named as a cause against what happened."""
        stalled = status and status.condition("Stalled")
        if not stalled or stalled.status != "True" or stalled.reason in self._simulation.plan.true_causes(name):
            return
        text = f"{name} names a cause that it does not have: {stalled.reason}: {stalled.message}"
        if text not in self.troubles:
            self.troubles.append(text)
