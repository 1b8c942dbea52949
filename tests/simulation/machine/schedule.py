"""One machine, its users, and what happens to it."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.tests.targets.local.support.launches import make_workspace
from tests.simulation.machine.process_table import Chances, ProcessTable, Simulated
from tests.simulation.machine.scenarios import DAMAGES, FILES, Scenario, Step
from tests.simulation.machine.stand_ins import Machine, Refusals
from tests.support.plans import make_plan

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.store.private_files import discard
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.target import LocalTarget
from llmwright.testing.simulation.timeline import Timeline
from llmwright.values.launch import Launch, Process, Volume

log = logging.getLogger(__name__)

OPTIONS = LocalOptions(grace_s=20.0, tick_s=2.0)
SCRATCH = (Volume(name="results"),)


class Simulation:
    """One machine, its users, and what they see."""

    def __init__(self, plan: Scenario, root: Path) -> None:
        self.plan, self.root = plan, root
        self.timeline = Timeline(plan.seed)
        self.table = ProcessTable(self.timeline, replace(plan.chances))
        self.machine = Machine(root, self.timeline, self.table, Refusals(killed=plan.killed))
        self.troubles: list[str] = []
        self._done: set[int] = set()

    @property
    def target(self) -> LocalTarget:
        return LocalTarget(self.root, OPTIONS)

    def store(self, name: str) -> WorkspaceStore:
        return self.target.directory.workspace("default", name)

    # What users do; each command is a process, which may be killed as well.

    def command(self, step: Step) -> Simulated:
        """Start the command of a user."""
        work: dict[str, Callable[[], object]] = {
            "serve": lambda: self._apply(step, tuned=False),
            "tune": lambda: self._apply(step, tuned=True),
            "stop": lambda: self.target.stop("default", step.name, timeout_s=60.0),
            "delete": lambda: self.target.delete("default", step.name, timeout_s=300.0),
            "look": lambda: self._look(step.name),
        }

        def run() -> None:
            try:
                work[step.action]()
            except (TargetError, ConfigError) as error:
                log.info("%s: %s", step, error.message)
                if error.reason == "NotFound":
                    self._note_done()
                if "\n" in error.message:
                    self.troubles.append(f"an error of several lines: {error.message}")
                if self.machine.refusals.full and error.reason not in {*self.plan.true_causes(step.name), "NotFound"}:
                    self.troubles.append(f"{step} on a full disk: {error.reason}: {error.message}")
            except LLMwrightError as error:
                log.info("%s: %s", step, error.message)
            else:
                log.info("%s: done", step)
                self._note_done()

        return self.machine.run(("command",), run, step.action)

    def _note_done(self) -> None:
        process = self.machine.current()
        if process is not None:
            self._done.add(process.pid)

    def _apply(self, step: Step, *, tuned: bool) -> None:
        defect = self.plan.defects.get(step.name, "")
        serving = Launch(
            main=Process(name="serve", argv=("serve", "$(port.http)", str(step.value), defect)),
            volumes=SCRATCH,
            ports={"http": 1},
        )
        train = Process(name="train", argv=("train", "$(volume.results)", str(step.value), defect))
        push = Process(name="push", argv=("push", "$(volume.results)", defect))
        check = Process(name="check", argv=("check", defect))
        plan = make_plan(
            step.name,
            inputs=f"{step.action} {step.value}",
            preflight=Launch(main=check) if tuned else None,
            tuning=Launch(main=train, after=(push,), volumes=SCRATCH) if tuned else None,
            serving=serving,
        )
        # As the verb does first of all.
        self.target.repair()
        self.target.apply(make_workspace(step.name, tuned=tuned), plan)

    def _look(self, name: str) -> None:
        self.target.repair()
        list(self.target.list())

    # What happens to the machine.

    def happen(self, step: Step) -> None:
        """Carry out one step."""
        supervisors = [
            process for process in self.table.alive() if process.threads.startswith("supervisor") and process.runs
        ]
        children = [process for process in self.table.alive() if process.mark and process.runs]
        if step.action == "kill" and supervisors:
            self.machine.kill(supervisors[step.value % len(supervisors)])
        elif step.action == "kill child" and children:
            self.table.end(children[step.value % len(children)], -9)
        elif step.action == "damage" and self.store(step.name).folder.is_dir():
            path = self.store(step.name).folder / FILES[step.value % len(FILES)]
            discard(path)
            DAMAGES[step.value // len(FILES)](path)
        elif step.action in ("full", "free"):
            self.machine.refusals.full = step.action == "full"
        elif step.action == "reboot":
            self.table.reboot()
            self.machine.free_locks()
        elif step.action in ("serve", "tune", "stop", "delete", "look"):
            self.command(step)

    def calm(self) -> None:
        """Let no more faults happen."""
        self.machine.refusals.full, self.machine.refusals.killed = self.plan.stays_full, 0.0
        self.table.chances = Chances()

    def users_insist(self) -> None:
        """Have each user give the last command again until it is done, and look every half minute."""
        for name, step in self.plan.wanted.items():
            if step.action != "delete" and self._is_unreadable(name):
                self._finish(replace(step, action="delete"))
            for _ in range(20):
                if self._finish(step):
                    break
                self.timeline.pause(10.0)
        while True:
            self._finish(Step(0, "look"))
            self.timeline.pause(30.0)

    def _finish(self, step: Step) -> bool:
        """Carry one command out; return whether it was done, or would be in vain."""
        process = self.command(step)
        self.timeline.wait(lambda: process.code is not None, None)
        return process.pid in self._done

    def _is_unreadable(self, name: str) -> bool:
        try:
            self.store(name).read_applied()
            self.store(name).read_status()
            self.store(name).read_plan()
        except TargetError:
            return True
        return False
