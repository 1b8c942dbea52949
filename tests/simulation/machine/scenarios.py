"""Schedules of one machine by seed: what users, the disk and the kernel do, and what the users want in the end."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Literal

from tests.simulation.machine.process_table import DEFECTS, Chances, Defect

Action = Literal["serve", "tune", "stop", "delete", "look", "kill", "kill child", "damage", "full", "free", "reboot"]

FAULTS_S = 60.0
"""For how long faults meet the machine, and users change their mind."""
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
    defects: Mapping[str, str] = field(default_factory=dict)
    """What of a Workspace fails for good, by its name."""

    @property
    def wanted(self) -> dict[str, Step]:
        """What users want last of each Workspace, by its name."""
        users = ("serve", "tune", "stop", "delete")
        return {step.name: step for step in self.steps if step.action in users}

    @property
    def stays_full(self) -> bool:
        """Whether the disk is full for good."""
        return next((step.action for step in reversed(self.steps) if step.action in ("full", "free")), "") == "full"

    def defect_of(self, name: str, action: str) -> Defect | None:
        """Return the defect for which a Workspace cannot be served or tuned."""
        defect = DEFECTS.get(self.defects.get(name, ""))
        serves = defect is not None and defect.process == "serve"
        return defect if serves or action == "tune" else None

    def true_causes(self, name: str) -> frozenset[str]:
        """Return the reasons that may be named for a Workspace, for something of that kind happens to it."""
        steps = {step.action for step in self.steps}
        causes = set(DEFECTS[self.defects[name]].reasons if name in self.defects else ())
        if self.chances.stolen:
            causes |= {"PortTaken", "NoFreePort"}
        if "PortTaken" in causes and "damage" in steps:
            # Without its log, only the exit code of a server is known.
            causes |= {"InvalidInput"}
        if self.chances.crash:
            causes |= {"ProcessFailed", "ContainerCrashLoopBackOff"}
        if self.killed or steps & {"kill", "kill child", "reboot"}:
            causes |= {"Killed"}
        if "full" in steps:
            causes |= {"DiskFull"}
        if "damage" in steps:
            causes |= {"StateUnreadable"}
        return frozenset(causes)


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
    killed = random.choice((0.0, 0.0, 0.005, 0.02))
    names = dict.fromkeys(step.name for step in steps if step.action in ("serve", "tune"))
    defects = {name: random.choice([*DEFECTS]) for name in names if random.random() < 0.25}
    return Scenario(seed, tuple(steps), chances, killed, defects)


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
        if action == "full" and random.random() < 0.7:
            yield Step(random.uniform(at, FAULTS_S), "free")
