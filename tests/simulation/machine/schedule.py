"""Schedules of one machine by seed: what users, the disk and the kernel do, and what must hold in the end."""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Literal

from core.tests.targets.local.support.launches import make_workspace
from tests.simulation.machine.process_table import Chances, ProcessTable, Simulated
from tests.simulation.machine.stand_ins import Machine, Refusals
from tests.simulation.timeline import HotLoop, Timeline
from tests.support.plans import make_plan

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.store.private_files import discard
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.targets.local.target import LocalTarget
from llmwright.values.launch import Launch, Process, Volume

Action = Literal["serve", "tune", "stop", "delete", "look", "kill", "kill child", "damage", "full", "free", "reboot"]

log = logging.getLogger(__name__)

FAULTS_S = 60.0
"""For how long faults meet the machine, and users change their mind."""
CALM_S = 600.0
"""How long after that everything may take to be as the users asked."""
BELIEF_S = 5.0
"""How long a status may claim a server that has just ended: the supervisor looks every two seconds here."""
MOST_WRITES_A_MINUTE = 400
"""More of one or two Workspaces is a hot loop."""
MEMORY = Path("/dev/shm")

FILES = ("workspace.json", "plan.json", "status.json", "runs.json", "lock", "answering", "logs")
DAMAGES: tuple[Callable[[Path], object], ...] = (
    lambda path: path.write_bytes(b""),
    lambda path: path.write_text('{"version": 1, "body": [1]}'),
    lambda path: path.write_text('{"version": 1, "body": ' + "[" * 100_000),
    lambda path: path.symlink_to(path),
    lambda path: path.mkdir(),
    os.mkfifo,
    lambda path: None,
)
OPTIONS = LocalOptions(grace_s=20.0, tick_s=2.0)
SCRATCH = (Volume(name="results"),)


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happens, ``at`` seconds after the start."""

    at: float
    action: Action
    name: str = ""
    value: int = 0

    def __str__(self) -> str:
        return f"{self.at:.2f} s: {self.action} {self.name} {self.value}".rstrip()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A schedule: the same seed, steps and chances give the same run."""

    seed: int
    steps: tuple[Step, ...]
    chances: Chances = field(default_factory=Chances)
    killed: float = 0.0

    @property
    def wanted(self) -> dict[str, Step]:
        """What users want last of each Workspace, by its name."""
        users = ("serve", "tune", "stop", "delete")
        return {step.name: step for step in self.steps if step.action in users}


def scenario(seed: int) -> Scenario:
    """Return the schedule of a seed."""
    random = Random(f"machine {seed}")
    chances = Chances(
        crash=random.choice((0.0, 0.0, 0.05)),
        stolen=random.choice((0.0, 0.2, 0.5)),
        deaf=random.choice((0.0, 0.3)),
        late=random.choice((0.0, 0.3)),
    )
    steps = sorted(_steps(random), key=lambda step: step.at)
    return Scenario(seed, tuple(steps), chances, random.choice((0.0, 0.0, 0.005, 0.02)))


def _steps(random: Random) -> Iterator[Step]:
    names = ("a", "b")[: random.randint(1, 2)]
    for name in names:
        yield Step(random.uniform(0.0, 5.0), random.choice(("serve", "serve", "tune")), name, random.randint(1, 2))
        for _ in range(random.randint(0, 4)):
            action = random.choice(("serve", "tune", "stop", "delete", "look", "look"))
            yield Step(random.uniform(5.0, FAULTS_S), action, name, random.randint(1, 2))  # type: ignore[arg-type]
    for _ in range(random.choice((0, 1, 2, 3))):
        action = random.choice(("kill", "kill", "kill child", "damage", "damage", "full", "reboot"))
        at = random.uniform(1.0, FAULTS_S)
        yield Step(at, action, random.choice(names), random.randrange(len(FILES) * len(DAMAGES)))  # type: ignore[arg-type]
        if action == "full":
            yield Step(random.uniform(at, FAULTS_S), "free")


class Simulation:
    """One machine, its users, and what they see."""

    def __init__(self, plan: Scenario, root: Path) -> None:
        self.plan, self.root = plan, root
        self.timeline = Timeline(plan.seed)
        self.table = ProcessTable(self.timeline, replace(plan.chances))
        self.machine = Machine(root, self.timeline, self.table, Refusals(killed=plan.killed))
        self.troubles: list[str] = []
        self._answered: dict[str, float] = {}
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
        serving = Launch(
            main=Process(name="serve", argv=("serve", "$(port.http)", str(step.value))),
            volumes=SCRATCH,
            ports={"http": 1},
        )
        train = Process(name="train", argv=("train", "$(volume.results)", str(step.value)))
        check = Process(name="check", argv=("check",))
        plan = make_plan(
            step.name,
            inputs=f"{step.action} {step.value}",
            preflight=Launch(main=check) if tuned else None,
            tuning=Launch(main=train, volumes=SCRATCH) if tuned else None,
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
        self.machine.refusals.full, self.machine.refusals.killed = False, 0.0
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

    # What must hold.

    def watch(self) -> None:
        """Compare what commands would print with what runs, again and again."""
        while True:
            self.timeline.pause(1.0)
            for name in ("a", "b"):
                self._compare(name)

    def _compare(self, name: str) -> None:
        store, now = self.store(name), self.timeline.now
        if any(self._answers(process, store) for process in self.table.alive()):
            self._answered[name] = now
            return
        try:
            status = store.read_workspace().status
        except (TargetError, ConfigError):
            return
        ready = status and status.condition("Ready")
        if ready and ready.status == "True" and now - self._answered.get(name, -BELIEF_S) > BELIEF_S:
            self.troubles.append(f"{name} is called ready at {now:.1f} s, and nothing answers")
            self._answered[name] = now + 60.0

    def _answers(self, process: Simulated, store: WorkspaceStore) -> bool:
        return process.port is not None and process.mark == store.mark and not process.killed

    def unmet(self) -> list[str]:
        """Return what is not as the users asked."""
        told: list[str] = []
        for name, step in self.plan.wanted.items():
            told += self._of_one(name, step)
        return told

    def _of_one(self, name: str, step: Step) -> Iterator[str]:
        store = self.store(name)
        processes = [process for process in self.table.alive() if process.mark == store.mark]
        supervisors = [process for process in self.table.alive() if process.argv[1:8] == store.supervisor_arguments]
        if step.action == "delete":
            if store.has_folder or processes or supervisors:
                yield f"{name} is not deleted: {[process.argv for process in processes]}"
            return
        if step.action == "stop":
            if processes:
                yield f"{name} is stopped, and has {[process.argv for process in processes]}"
            return
        try:
            status = store.read_workspace().status
        except TargetError as error:
            yield f"{name}: {error.message}"
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
        if len(supervisors) != 1:
            yield f"{name} has {len(supervisors)} supervisors"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a run: ``troubles`` is empty where everything held."""

    troubles: tuple[str, ...]
    took_s: float
    writes: int


@contextmanager
def _folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(dir=MEMORY if os.access(MEMORY, os.W_OK) else None, prefix="machine-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def run(plan: Scenario) -> Verdict:
    """Carry one schedule out and judge it."""
    with _folder() as folder:
        simulation = Simulation(plan, folder / "state")
        with simulation.machine.going():
            try:
                return _judged(simulation)
            except HotLoop as loop:
                return Verdict((f"hot loop: {loop}",), simulation.timeline.now, simulation.machine.writes)
            finally:
                for process in [*simulation.table.alive()]:
                    process.argv = ("", *process.argv)
                    simulation.table.end(process, -9, at_once=True)
                simulation.machine.free_locks()


def _judged(simulation: Simulation) -> Verdict:
    timeline, machine = simulation.timeline, simulation.machine
    timeline.spawn(simulation.watch, "watch", "world")
    for step in simulation.plan.steps:
        timeline.spawn(_later(simulation, step), str(step), "world")
    timeline.run(FAULTS_S)
    simulation.calm()
    timeline.spawn(simulation.users_insist, "users", "world")
    before = machine.writes
    timeline.run(FAULTS_S + 1.0)
    end = FAULTS_S + CALM_S
    while simulation.unmet() and timeline.now < end:
        timeline.run(timeline.now + 1.0)
    took = timeline.now - FAULTS_S
    timeline.run(timeline.now + 30.0)
    troubles = [*simulation.unmet(), *simulation.troubles, *simulation.table.troubles]
    rate = (machine.writes - before) / ((timeline.now - FAULTS_S) / 60.0)
    if rate > MOST_WRITES_A_MINUTE:
        troubles.append(f"hot loop: {rate:.0f} writes a minute")
    return Verdict(tuple(troubles), took, machine.writes)


def _later(simulation: Simulation, step: Step) -> Callable[[], None]:
    def act() -> None:
        simulation.timeline.pause(step.at)
        simulation.happen(step)

    return act


def minimised(plan: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Return a schedule that still fails, with as few steps and kinds of faults as dropping them one by one finds."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            if fails(candidate):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Scenario) -> Iterator[Scenario]:
    for position in range(len(plan.steps)):
        yield replace(plan, steps=(*plan.steps[:position], *plan.steps[position + 1 :]))
    if plan.killed:
        yield replace(plan, killed=0.0)
    for name, value in vars(plan.chances).items():
        if value:
            yield replace(plan, chances=replace(plan.chances, **{name: 0.0}))


def told(plan: Scenario, verdict: Verdict) -> str:
    """Return a failure as a person wants to read it."""
    faults = ", ".join(f"{name}={value}" for name, value in vars(plan.chances).items() if value)
    lines = [f"seed {plan.seed}, killed={plan.killed}, {faults or 'no other chances'}, for {FAULTS_S:g} s"]
    lines += [f"  {step}" for step in plan.steps]
    lines += [f"  -> {trouble}" for trouble in verdict.troubles]
    return "\n".join(lines)
