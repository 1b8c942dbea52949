"""Carry out one schedule of one machine, judge it, and make one that fails as short as it can be."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tests.simulation.machine.judge import Judge
from tests.simulation.machine.scenarios import FAULTS_S, Scenario, Step
from tests.simulation.machine.schedule import Simulation

from llmwright.testing.simulation.timeline import HotLoop

CALM_S = 600.0
"""How long after the faults everything may take to be as the users asked."""
MOST_WRITES_A_MINUTE = 400
"""More of one or two Workspaces is a hot loop."""
MEMORY = Path("/dev/shm")


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
    timeline, machine, judge = simulation.timeline, simulation.machine, Judge(simulation)
    timeline.spawn(judge.watch, "watch", "world")
    for step in simulation.plan.steps:
        timeline.spawn(_later(simulation, step), str(step), "world")
    timeline.run(FAULTS_S)
    simulation.calm()
    timeline.spawn(simulation.users_insist, "users", "world")
    before = machine.writes
    timeline.run(FAULTS_S + 1.0)
    end = FAULTS_S + CALM_S
    while judge.unmet() and timeline.now < end:
        timeline.run(timeline.now + 1.0)
    took = timeline.now - FAULTS_S
    timeline.run(timeline.now + 30.0)
    troubles = [*judge.unmet(), *judge.troubles, *simulation.troubles, *simulation.table.troubles]
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
    for name in plan.defects:
        yield replace(plan, defects={other: defect for other, defect in plan.defects.items() if other != name})
    if plan.killed:
        yield replace(plan, killed=0.0)
    for name, value in vars(plan.chances).items():
        if value:
            yield replace(plan, chances=replace(plan.chances, **{name: 0.0}))


def as_text(plan: Scenario, verdict: Verdict) -> str:
    """Return a failure as a person wants to read it."""
    faults = ", ".join(f"{name}={value}" for name, value in vars(plan.chances).items() if value)
    lines = [f"seed {plan.seed}, killed={plan.killed}, {faults or 'no other chances'}, for {FAULTS_S:g} s"]
    lines += [f"  {name} has a {defect}" for name, defect in plan.defects.items()]
    lines += [f"  {step}" for step in plan.steps]
    lines += [f"  -> {trouble}" for trouble in verdict.troubles]
    return "\n".join(lines)
