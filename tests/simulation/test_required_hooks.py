"""An operator without a rule that its settings require: what runs goes on, nothing is applied, a delete ends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from unittest import mock

from tests.simulation import kinds, schedule
from tests.simulation.schedule import Simulation, session, workspace
from tests.simulation.world import Pace

from llmwright.api.workspace import Workspace
from llmwright.app.checker import Checker
from llmwright.app.session import Session
from llmwright.errors import Problem
from llmwright.values.plan import Plan

MINUTES = 60.0


def without_the_rule(mode: str, preflight: bool = False) -> Session:
    """Return the session of the schedules, with a rule that its settings require in vain."""
    settings = session(mode, preflight).settings
    plugins = settings.plugins.model_copy(update={"required": ("acme-rules",)})
    return replace(session(mode, preflight), given_settings=settings.model_copy(update={"plugins": plugins}))


def test_what_runs_goes_on_and_a_delete_ends() -> None:
    simulation = Simulation(31, pace=Pace(machine=(1.0, 3.0)))
    with simulation.going():
        simulation.apply(workspace("before"))
        simulation.timeline.run(3 * MINUTES)
        served = simulation.storage.find(kinds.STATEFULSETS, ("default", "before"))
        assert served is not None
        with mock.patch.object(schedule, "session", without_the_rule):
            simulation.kill()
            simulation.apply(workspace("after"))
            simulation.timeline.run(6 * MINUTES)
            for name in ("before", "after"):
                live = simulation.find(name)
                assert live is not None
                assert "the settings require the hook 'acme-rules'" in str(live["status"]["conditions"])
            assert simulation.storage.find(kinds.STATEFULSETS, ("default", "after")) is None
            still = simulation.storage.find(kinds.STATEFULSETS, ("default", "before"))
            assert still is not None
            assert still["metadata"]["resourceVersion"] == served["metadata"]["resourceVersion"]
            simulation.delete("before")
            simulation.timeline.run(12 * MINUTES)
            assert simulation.find("before") is None
            assert simulation.storage.find(kinds.STATEFULSETS, ("default", "before")) is None


def test_a_plan_that_a_rule_refuses_is_not_carried_out() -> None:
    refusing = False

    def judge(checker: Checker, workspace: Workspace, plan: Plan | None = None) -> Iterator[Problem]:
        if refusing and plan is not None:
            yield Problem("resource", f"{plan.preset} costs too much", reason="OverBudget")

    simulation = Simulation(31, pace=Pace(machine=(1.0, 3.0)))
    with simulation.going(), mock.patch.object(Checker, "policies", judge):
        simulation.apply(workspace("before"))
        simulation.timeline.run(3 * MINUTES)
        assert simulation.storage.find(kinds.STATEFULSETS, ("default", "before")) is not None
        refusing = True
        simulation.kill()
        simulation.apply(workspace("after"))
        simulation.timeline.run(6 * MINUTES)
        after, before = simulation.find("after"), simulation.find("before")
        assert after is not None
        assert before is not None
        assert "costs too much" in str(after["status"]["conditions"])
        # Its plan was accepted, and is on record.
        assert "costs too much" not in str(before["status"]["conditions"])
        assert simulation.storage.find(kinds.STATEFULSETS, ("default", "after")) is None
        assert simulation.storage.find(kinds.STATEFULSETS, ("default", "before")) is not None
