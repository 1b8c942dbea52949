"""An operator without a rule that its settings require: what runs goes on, nothing is applied, a delete ends."""

from __future__ import annotations

from dataclasses import replace
from unittest import mock

from tests.simulation import kinds, schedule
from tests.simulation.schedule import Simulation, session, workspace
from tests.simulation.world import Pace

from llmwright.app.session import Session

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
