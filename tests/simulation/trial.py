"""One schedule carried out and judged, and the shortest that still fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from tests.simulation.judge import troubles
from tests.simulation.scenarios import FAULTS_S, Scenario
from tests.simulation.schedule import Simulation
from tests.simulation.users import user

from llmwright.testing.simulation.timeline import HotLoop

CALM_S = 3 * 3600.0
"""How long after the faults everything may take to be as the users asked: Karpenter's circuit rests for an hour."""
QUIET_S = 120.0
"""For how long it is watched after that."""
MOST_REQUESTS_A_MINUTE = 300
"""More of one operator for a few Workspaces is a hot loop."""
MOST_QUIET_WRITES, MOST_TRYING_WRITES = 12, 60
"""Writes while nothing happens any more: a text that was held back, an Event that was late; and while machines that
nobody has are asked for again and again."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a run: ``troubles`` is empty where everything held; ``took_s`` is time after the faults."""

    troubles: tuple[str, ...]
    took_s: float
    requests: int


def run(plan: Scenario) -> Verdict:
    """Carry one schedule out and judge it."""
    simulation = Simulation(plan.seed, plan.mode, replace(plan.faults), plan.pace, plan.preflight)
    simulation.world.unreliable = plan.unreliable
    timeline = simulation.timeline
    with simulation.going():
        for name in dict.fromkeys(step.name for step in plan.steps):
            timeline.spawn(user(simulation, plan, name), f"user of {name or 'machines'}", "world")
        try:
            timeline.run(FAULTS_S)
            return _judged(simulation, plan)
        except HotLoop as loop:
            return Verdict((f"hot loop: {loop}",), timeline.now, len(simulation.requests))


def _judged(simulation: Simulation, plan: Scenario) -> Verdict:
    timeline, wishes = simulation.timeline, plan.wishes
    simulation.calm()
    begun = len(simulation.requests)
    # Not while something is on its way: an accident of the last minutes ends a machine later.
    good = _once_a_change(simulation, lambda: not simulation.world.under_way and not troubles(simulation, wishes))
    timeline.run(FAULTS_S + CALM_S, good)
    took, texts = timeline.now - FAULTS_S, troubles(simulation, wishes)
    quiet = len(_writes(simulation))
    timeline.run(timeline.now + QUIET_S)
    texts += [f"later: {text}" for text in troubles(simulation, wishes) if text not in texts]
    texts += [f"called ready before it answered: {text}" for text in simulation.witness.early]
    texts += [f"bought twice: {text}" for text in simulation.witness.doubled]
    texts += [f"on record, and nobody asked for it: {text}" for text in simulation.witness.unasked]
    minutes = max((timeline.now - FAULTS_S) / 60.0, 1.0)
    rate = (len(simulation.requests) - begun) / minutes
    if rate > MOST_REQUESTS_A_MINUTE:
        texts.append(f"hot loop: {rate:.0f} requests a minute")
    most = MOST_TRYING_WRITES if simulation.world.no_capacity else MOST_QUIET_WRITES
    if (writes := len(_writes(simulation)) - quiet) > most:
        texts.append(f"{writes} writes in {QUIET_S:g} s in which nothing happened")
    return Verdict(tuple(texts), took, len(simulation.requests))


def _writes(simulation: Simulation) -> list[tuple[float, str, str]]:
    return [request for request in simulation.requests if request[1] in ("POST", "PUT", "PATCH", "DELETE")]


def _once_a_change(simulation: Simulation, condition: Callable[[], bool]) -> Callable[[], bool]:
    """Return the condition, asked only where something was written since, or the cloud was called."""
    seen = (-1, -1, -1)

    def changed() -> bool:
        nonlocal seen
        state = (simulation.storage.version, len(simulation.requests), simulation.world.under_way)
        if state == seen:
            return False
        seen = state
        return condition()

    return changed


def minimised(plan: Scenario, fails: Callable[[Scenario], bool]) -> Scenario:
    """Return a schedule that still fails with as few steps and kinds of faults as dropping them one by one finds."""
    smaller = True
    while smaller:
        smaller = False
        for candidate in _smaller(plan):
            if candidate.steps and fails(candidate):
                plan, smaller = candidate, True
                break
    return plan


def _smaller(plan: Scenario) -> Iterator[Scenario]:
    for position in range(len(plan.steps)):
        yield replace(plan, steps=(*plan.steps[:position], *plan.steps[position + 1 :]))
    for name in ("killed", "broken_watch", "slow", "dropped", "lost", "refused"):
        if getattr(plan.faults, name):
            yield replace(plan, faults=replace(plan.faults, **{name: 0.0}))
    if plan.unreliable:
        yield replace(plan, unreliable=0.0)
    if plan.preflight:
        yield replace(plan, preflight=False)


def as_text(plan: Scenario, verdict: Verdict) -> str:
    """Return a failure as a person wants to read it."""
    faults = ", ".join(f"{name}={value}" for name, value in vars(plan.faults).items() if value)
    more = f", {plan.unreliable:g} of all machines unreliable" if plan.unreliable else ""
    more += ", with preflight" if plan.preflight else ""
    lines = [f"seed {plan.seed}, {plan.mode}, faults for {FAULTS_S:g} s: {faults}{more}"]
    lines += [f"  {step}" for step in plan.steps]
    lines += [f"  -> {trouble}" for trouble in verdict.troubles]
    return "\n".join(lines)
