"""A cloud that has no machine now, of which only an Event tells: named at once, tried again, and at once on a wish."""

from __future__ import annotations

from typing import Any

import pytest
from tests.simulation import kinds
from tests.simulation.forms import INSTANCE_TYPE
from tests.simulation.schedule import Simulation, workspace
from tests.simulation.world import Pace

from llmwright.testing.simulation.storage import Change, Object

MINUTES = 60.0
MODES = ("nodeclaim", "nodepool")
ROLLOUT = {"metadata": {"name": "ws", "annotations": {"llmwright.io/rollout": "now"}}}
SOON = Pace(machine=(1.0, 3.0))


def condition(simulation: Simulation, kind: str) -> Object:
    live = simulation.storage.get(kinds.WORKSPACES, ("default", "ws"))
    conditions = (live.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def is_ready(simulation: Simulation) -> bool:
    return bool(condition(simulation, "Ready").get("status") == "True")


def machines(simulation: Simulation) -> list[str]:
    return [claim["metadata"]["name"] for claim in simulation.storage.all(kinds.NODE_CLAIMS)]


class Verdicts:
    """The statuses of ``Stalled`` and the reasons of ``ResourceReady``, each once for every change."""

    def __init__(self, simulation: Simulation) -> None:
        self.stalled: list[str] = []
        self.reasons: list[str] = []
        self._before = simulation.storage.changed
        simulation.storage.changed = self.note

    def note(self, change: Change) -> None:
        self._before(change)
        if change.kind == kinds.WORKSPACES and change.after is not None:
            conditions = {each["type"]: each for each in (change.after.get("status") or {}).get("conditions") or []}
            self._add(self.stalled, conditions.get("Stalled", {}).get("status"))
            self._add(self.reasons, conditions.get("ResourceReady", {}).get("reason"))

    def _add(self, texts: list[str], text: Any) -> None:
        if text is not None and texts[-1:] != [text]:
            texts.append(text)


@pytest.mark.parametrize("mode", MODES)
def test_missing_capacity_is_named_within_seconds_and_does_not_flap(mode: str) -> None:
    simulation = Simulation(11, mode=mode, pace=SOON)
    verdicts = Verdicts(simulation)
    with simulation.going():
        simulation.world.no_capacity.add(INSTANCE_TYPE)
        simulation.apply(workspace("ws"))
        simulation.timeline.run(20.0)
        told = condition(simulation, "ResourceReady")
        assert (told["status"], told["reason"]) == ("False", "InsufficientCapacity")
        assert "insufficient capacity, none in any zone" in told["message"]
        assert "attempt" in told["message"]
        simulation.timeline.run(3 * 60 * MINUTES)
        told = condition(simulation, "ResourceReady")
        assert told["reason"] == "CircuitOpen"
        assert "insufficient capacity, none in any zone" in told["message"]
        assert "the next one is at" in told["message"]
        assert verdicts.stalled == ["False", "True"]
        assert "BackingOff" not in verdicts.reasons


@pytest.mark.parametrize("kill", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("wish", ["rollout", "edit"])
def test_capacity_that_is_back_is_had_once_the_user_says_so(mode: str, wish: str, kill: bool) -> None:
    simulation = Simulation(12, mode=mode, pace=SOON)
    with simulation.going():
        simulation.world.no_capacity.add(INSTANCE_TYPE)
        simulation.apply(workspace("ws"))
        simulation.timeline.run(45 * MINUTES)
        assert condition(simulation, "ResourceReady")["reason"] == "CircuitOpen"
        simulation.world.no_capacity.clear()
        if kill:
            simulation.kill()
        simulation.timeline.run(simulation.timeline.now + 2 * MINUTES)
        assert machines(simulation) == []
        assert condition(simulation, "ResourceReady")["reason"] == "CircuitOpen"
        simulation.apply(ROLLOUT if wish == "rollout" else workspace("ws", 2))
        simulation.timeline.run(simulation.timeline.now + 3.0)
        assert len(machines(simulation)) == (1 if wish == "rollout" else 2)
        simulation.timeline.run(simulation.timeline.now + 2 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)


@pytest.mark.parametrize("mode", MODES)
def test_capacity_that_is_back_is_had_within_half_an_hour_though_nobody_says_so(mode: str) -> None:
    simulation = Simulation(14, mode=mode, pace=SOON)
    with simulation.going():
        simulation.world.no_capacity.add(INSTANCE_TYPE)
        simulation.apply(workspace("ws", 3))
        simulation.timeline.run(3 * 60 * MINUTES)
        assert condition(simulation, "ResourceReady")["reason"] == "CircuitOpen"
        simulation.world.no_capacity.clear()
        simulation.timeline.run(simulation.timeline.now + 32 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert len(machines(simulation)) == 3


def test_an_event_that_comes_when_its_machine_is_long_gone_calls_for_a_pass() -> None:
    simulation = Simulation(13, pace=Pace(machine=(300.0, 300.0), drain=(0.1, 0.2)))
    with simulation.going():
        simulation.apply(workspace("ws"))
        simulation.timeline.run(3.0)
        (name,) = machines(simulation)
        claim = simulation.storage.get(kinds.NODE_CLAIMS, ("", name))
        simulation.storage.delete(kinds.NODE_CLAIMS, ("", name))
        simulation.timeline.run(8.0)
        assert machines(simulation) == []
        assert condition(simulation, "ResourceReady")["reason"] == "BackingOff"
        simulation.world.warn("NodeClaim", claim, "InsufficientCapacityError", "insufficient capacity, none")
        simulation.timeline.run(12.0)
        assert condition(simulation, "ResourceReady")["reason"] == "InsufficientCapacity"


def test_a_wish_that_comes_right_after_the_refusal_is_not_taken_for_done() -> None:
    simulation = Simulation(14, pace=Pace(machine=(0.5, 0.6), drain=(0.1, 0.1)))
    with simulation.going():
        simulation.world.no_capacity.add(INSTANCE_TYPE)
        simulation.apply(workspace("ws"))
        simulation.timeline.run(1.9, lambda: bool(machines(simulation)))
        simulation.timeline.run(1.9, lambda: not machines(simulation))
        simulation.world.no_capacity.clear()
        simulation.apply(ROLLOUT)
        simulation.timeline.run(simulation.timeline.now + 1.0)
        assert len(machines(simulation)) == 1


def test_an_event_from_before_a_restart_is_read_after_it() -> None:
    simulation = Simulation(17, pace=Pace(machine=(300.0, 300.0), drain=(0.1, 0.2)))
    with simulation.going():
        simulation.apply(workspace("ws"))
        simulation.timeline.run(3.0)
        (name,) = machines(simulation)
        claim = simulation.storage.get(kinds.NODE_CLAIMS, ("", name))
        simulation.kill()
        simulation.world.warn("NodeClaim", claim, "InsufficientCapacityError", "insufficient capacity, none")
        simulation.storage.delete(kinds.NODE_CLAIMS, ("", name))
        simulation.timeline.run(18.0)
        assert condition(simulation, "ResourceReady")["reason"] == "InsufficientCapacity"
