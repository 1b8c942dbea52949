"""Schedules by seed: what users and machines do and when, which faults there are, and the shortest that fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from tests.simulation import kinds
from tests.simulation.network import Faults
from tests.simulation.schedule import INSTANCE_TYPE, Simulation, workspace
from tests.simulation.timeline import HotLoop
from tests.simulation.world import Pace

Action = Literal["apply", "scale", "label", "delete", "lose node", "no capacity", "capacity", "compact", "kill", "lag"]

FAULTS_S = 120.0
"""For how long faults meet the operator, and users change their mind."""
CALM_S = 3 * 3600.0
"""How long after that everything may take to be as the users asked: Karpenter's circuit rests for an hour."""
MOST_REQUESTS_A_MINUTE = 600
"""More of one operator for a few Workspaces is a hot loop."""

NAMES = ("a", "b", "c")


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that somebody does, ``at`` seconds after the start."""

    at: float
    action: Action
    name: str = ""
    value: int = 0

    def __str__(self) -> str:
        return f"{self.at:.2f} s: {self.action} {self.name} {self.value or ''}".rstrip()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A schedule: the same seed, steps and faults give the same run."""

    seed: int
    mode: str
    steps: tuple[Step, ...]
    faults: Faults
    pace: Pace = field(default_factory=Pace)

    @property
    def wanted(self) -> dict[str, int]:
        """The replicas of each Workspace that is there in the end."""
        wanted: dict[str, int] = {}
        for step in self.steps:
            if step.action == "apply" or (step.action == "scale" and step.name in wanted):
                wanted[step.name] = step.value
            elif step.action == "delete":
                wanted.pop(step.name, None)
        return wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a run: ``troubles`` is empty where everything held; ``took_s`` is time after the faults."""

    troubles: tuple[str, ...]
    took_s: float
    requests: int


def scenario(seed: int) -> Scenario:
    """Return the schedule of a seed."""
    random = Random(f"scenario {seed}")
    faults = Faults(
        refused=random.choice((0.0, 0.05, 0.2)),
        lost=random.choice((0.0, 0.05, 0.1)),
        dropped=random.choice((0.0, 0.05)),
        slow=random.choice((0.0, 0.05, 0.3)),
        slow_s=random.choice((1.0, 5.0, 20.0)),
        broken_watch=random.choice((0.0, 0.02, 0.1)),
        killed=random.choice((0.0, 0.0, 0.01, 0.05)),
    )
    machine = random.choice(((1.0, 5.0), (1.0, 60.0), (30.0, 90.0)))
    steps = sorted(_steps(random), key=lambda step: step.at)
    mode = random.choice(("nodeclaim", "nodeclaim", "nodepool"))
    return Scenario(seed, mode, tuple(steps), faults, Pace(machine=machine))


def _steps(random: Random) -> Iterator[Step]:
    names = NAMES[: random.randint(1, 3)]
    for name in names:
        start = random.uniform(0.0, 5.0)
        yield Step(start, "apply", name, random.choice((1, 1, 2)))
        for _ in range(random.choice((0, 1, 1, 2))):
            at = random.uniform(start, random.choice((start + 5.0, FAULTS_S)))
            action = random.choice(("scale", "delete", "delete", "label"))
            if action == "delete":
                yield Step(at, "delete", name)
                if random.random() < 0.5:
                    yield Step(random.uniform(at, FAULTS_S), "apply", name, 1)
            else:
                yield Step(at, action, name, random.choice((1, 2, 3)))  # type: ignore[arg-type]
    for action in random.sample(("lose node", "compact", "kill", "lag", "no capacity"), random.choice((0, 0, 1, 2))):
        at = random.uniform(0.0, FAULTS_S)
        yield Step(at, action, "", random.randint(1, 5))  # type: ignore[arg-type]
        if action == "no capacity":
            yield Step(random.uniform(at, FAULTS_S), "capacity")


def run(plan: Scenario) -> Verdict:
    """Carry one schedule out and judge it."""
    simulation = Simulation(plan.seed, mode=plan.mode, faults=replace(plan.faults), pace=plan.pace)
    timeline = simulation.timeline
    with simulation.going():
        for name in dict.fromkeys(step.name for step in plan.steps):
            timeline.spawn(_carry_out(simulation, plan, name), f"user of {name or 'machines'}")
        try:
            timeline.run(FAULTS_S)
            simulation.calm()
            begun = len(simulation.requests)
            timeline.run(FAULTS_S + CALM_S, _once_a_change(simulation, plan.wanted))
            took = timeline.now - FAULTS_S
            troubles = simulation.troubles(plan.wanted)
            timeline.run(timeline.now + 120.0)
            troubles += [f"later: {trouble}" for trouble in simulation.troubles(plan.wanted) if trouble not in troubles]
        except HotLoop as loop:
            return Verdict((f"hot loop: {loop}",), timeline.now, len(simulation.requests))
    troubles += [f"called ready before it answered: {text}" for text in simulation.early]
    minutes = max((timeline.now - FAULTS_S) / 60.0, 1.0)
    rate = (len(simulation.requests) - begun) / minutes
    if rate > MOST_REQUESTS_A_MINUTE:
        troubles.append(f"hot loop: {rate:.0f} requests a minute")
    return Verdict(tuple(troubles), took, len(simulation.requests))


def _once_a_change(simulation: Simulation, wanted: dict[str, int]) -> Callable[[], bool]:
    """Return whether all is as wanted, asked only where something was written since."""
    seen = -1

    def quiet() -> bool:
        nonlocal seen
        if simulation.storage.version == seen:
            return False
        seen = simulation.storage.version
        return simulation.quiet(wanted)

    return quiet


def _carry_out(simulation: Simulation, plan: Scenario, name: str) -> Callable[[], None]:
    """Return what one user does: one step after the other, each not before the one before it is done."""

    def act() -> None:
        for step in plan.steps:
            if step.name == name:
                simulation.timeline.pause(step.at - simulation.timeline.now)
                _ACTIONS[step.action](simulation, step)

    return act


def _scale(simulation: Simulation, step: Step) -> None:
    if simulation.storage.find(kinds.WORKSPACES, ("default", step.name)) is not None:
        simulation.apply({"metadata": {"name": step.name}, "inference": {"replicas": step.value}})


def _label(simulation: Simulation, step: Step) -> None:
    if simulation.storage.find(kinds.WORKSPACES, ("default", step.name)) is not None:
        simulation.apply({"metadata": {"name": step.name, "labels": {"touched": str(step.value)}}})


def _recreate(simulation: Simulation, step: Step) -> None:
    """Create a Workspace, once one of that name that is on its way out is gone."""
    gone = ("default", step.name)
    simulation.timeline.wait(lambda: simulation.storage.find(kinds.WORKSPACES, gone) is None, None)
    simulation.apply(workspace(step.name, step.value))


def _lose_node(simulation: Simulation, step: Step) -> None:
    nodes = simulation.storage.all(kinds.NODES)
    if nodes:
        simulation.lose(nodes[step.value % len(nodes)]["metadata"]["name"])


_ACTIONS: dict[Action, Callable[[Simulation, Step], None]] = {
    "apply": _recreate,
    "scale": _scale,
    "label": _label,
    "delete": lambda simulation, step: simulation.delete(step.name),
    "lose node": _lose_node,
    "no capacity": lambda simulation, _: simulation.world.no_capacity.add(INSTANCE_TYPE),
    "capacity": lambda simulation, _: simulation.world.no_capacity.clear(),
    "compact": lambda simulation, _: simulation.storage.compact(),
    "kill": lambda simulation, _: simulation.kill(),
    "lag": lambda simulation, step: setattr(simulation.server, "watch_lag", step.value),
}


def minimised(plan: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Return a schedule that still fails with as few steps and kinds of faults as dropping them one by one finds."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            if fails(candidate):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Scenario) -> Iterator[Scenario]:
    for position, step in enumerate(plan.steps):
        if (
            step.action != "apply"
            or step.name in {other.name for other in plan.steps if other is not step}
            or len(plan.steps) > 1
        ):
            yield replace(plan, steps=(*plan.steps[:position], *plan.steps[position + 1 :]))
    for name in ("killed", "broken_watch", "slow", "dropped", "lost", "refused"):
        if getattr(plan.faults, name):
            yield replace(plan, faults=replace(plan.faults, **{name: 0.0}))


def told(plan: Scenario, verdict: Verdict) -> str:
    """Return a failure as a person wants to read it."""
    faults = ", ".join(f"{name}={value}" for name, value in vars(plan.faults).items() if value and name != "slow_s")
    lines = [f"seed {plan.seed}, {plan.mode}, faults for {FAULTS_S:g} s: {faults or 'none'}"]
    lines += [f"  {step}" for step in plan.steps]
    lines += [f"  -> {trouble}" for trouble in verdict.troubles]
    return "\n".join(lines)
