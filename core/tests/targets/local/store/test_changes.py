"""A second apply or a rollout: what it records, and what runs after it."""

from __future__ import annotations

from pathlib import Path

from core.tests.targets.local.support.launches import failing, make_workspace, serving, tuning
from core.tests.targets.local.support.machine import Machine, get_text
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.changes import record_apply, record_rollout
from llmwright.targets.local.store.state_directory import StateDirectory


def test_a_second_apply_changes_just_what_changed(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(), serving=serving("one")))
    first = machine.wait("Ready")
    assert (
        machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(), serving=serving("one")))
        == "unchanged"
    )
    changed = make_workspace(tuned=True, ttlSecondsAfterFinished=3600)
    plan = make_plan(inputs="2", tuning=tuning(), serving=serving("two"))
    assert machine.target.apply(changed, plan) == "configured"
    second = machine.wait("Ready")
    assert second.endpoint == first.endpoint
    assert second.endpoint is not None
    assert get_text(second.endpoint) == "two"
    assert (machine.results() / "starts").read_text() == "0\n"


def test_a_newer_plan_is_offered_and_the_recorded_one_stays(machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=serving("old")))
    machine.wait("Ready")
    assert machine.target.apply(make_workspace(), make_plan(serving=serving("new"))) == "unchanged"
    wait_until(lambda: machine.status().condition("UpdateAvailable"), "an update is offered")
    endpoint = machine.status().endpoint
    assert endpoint is not None
    assert get_text(endpoint) == "old"
    recorded = machine.target.recorded_plan("default", "demo")
    assert recorded == make_plan(serving=serving("old"))


def test_a_rollout_moves_the_server_and_does_not_tune_again(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=tuning(steps=3), serving=serving("old")))
    machine.wait("Ready")
    newer = make_plan(tuning=tuning(steps=4), serving=serving("new"))
    assert machine.target.apply(make_workspace(tuned=True), newer) == "unchanged"
    assert machine.target.rollout("default", "demo", newer) == "configured"
    status = machine.wait("Ready")
    assert status.endpoint is not None
    assert get_text(status.endpoint) == "new"
    assert status.condition("UpdateAvailable") is None
    assert (machine.results() / "starts").read_text() == "0\n"
    assert machine.target.rollout("default", "demo", newer) == "unchanged"


def test_applying_a_failed_workspace_again_tries_again(machine: Machine) -> None:
    code = """
    import pathlib, sys
    data = pathlib.Path(sys.argv[1]) / "data"
    sys.exit(0 if data.exists() else 2)
    """
    plan = make_plan(tuning=failing(code))
    machine.target.apply(make_workspace(tuned=True), plan)
    machine.wait_until_failed()
    (machine.results() / "data").touch()
    assert machine.target.apply(make_workspace(tuned=True), plan) == "configured"
    assert machine.wait("Ready").state == "Succeeded"


def test_applying_a_failed_workspace_again_takes_a_new_plan(machine: Machine) -> None:
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing("import sys; sys.exit(2)")))
    machine.wait_until_failed()
    machine.target.apply(make_workspace(tuned=True), make_plan(tuning=failing("print('mended')")))
    assert machine.wait("Ready").state == "Succeeded"


def test_a_rollout_that_a_crash_cut_short_is_completed_by_the_next(tmp_path: Path) -> None:
    store = StateDirectory(tmp_path).workspace("default", "demo")
    applied = AppliedWorkspace(workspace={}, generation=1, created_at="2026-01-01T00:00:00Z")
    newer = make_plan(serving=serving("new"))
    assert record_apply(store, applied, make_plan(serving=serving("old"))) == "created"
    assert record_apply(store, applied, newer) == "unchanged"
    store.write_plan(newer)  # The crash comes after this write.
    assert record_rollout(store, newer) == "configured"
    recorded = store.require_applied()
    assert (recorded.rollouts, recorded.generation, recorded.newer_plan) == (1, 2, False)
    assert record_rollout(store, newer) == "unchanged"
