"""The tuning job: who starts and ends it."""

from __future__ import annotations

from dataclasses import replace

from core.tests.lifecycle.support.lifecycle_world import World, launch, plan, truth, tuned_plan, workspace

from llmwright.lifecycle.decision import Start, Stop


def test_a_tuning_that_the_workspace_no_longer_names_ends_before_a_server_starts() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    while "tuning" not in world.workloads:
        world.turn()
    world.workspace, world.plan = workspace(tuned=False, generation=2), plan("2", serving=launch("serve"))
    first = world.turn()
    assert Stop("tuning") in first.actions
    assert not any(isinstance(action, Start) for action in first.actions)
    world.settle()
    assert world.status is not None
    assert truth(world.status)["Ready"][0] == "True"


def test_a_server_that_keeps_crashing_is_stopped_before_other_data_are_tuned_on() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    world.workloads["serving"] = replace(world.workloads["serving"], phase="failed", reason="Crash", returns=True)
    world.workspace, world.plan = workspace(tuned=True, generation=2), tuned_plan("2", "other data")
    while not any(isinstance(action, Start) and action.role == "tuning" for action in world.turn().actions):
        assert len(world.history) < 30
    assert "serving" not in world.workloads
