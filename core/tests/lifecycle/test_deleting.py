"""Deleting: in which order, and that it always ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.tests.lifecycle.support.lifecycle_world import (
    NODES_GONE,
    NODES_LEFT,
    NOW,
    World,
    truth,
    tuned_plan,
    workspace,
)
from core.tests.lifecycle.support.serving_world import SERVES

from llmwright.api.status import AttemptsStatus, ProvisionerStatus, WorkspaceStatus
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Decision, Finish, Look, Release, Stop
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.values.nodes import Failed, ProvisionerDecision


def test_deleting_stops_releases_and_finishes() -> None:
    world = World(workspace(tuned=True), tuned_plan())
    world.settle()
    world.deleting = True
    world.settle()
    kinds = [type(action) for past in world.history for action in past.actions][-3:]
    assert kinds == [Stop, Release, Finish]
    assert world.status is not None
    assert truth(world.status)["WorkspaceDeleting"] == ("True", "workspaceDeleted")


def test_a_workspace_stays_while_machines_are_being_bought_for_it() -> None:
    """A purchase under way is not seen yet: released now, its machine would be nobody's."""
    buying = Observed(deleting=True, release=NODES_GONE, acting=True)
    assert decide(workspace(tuned=False), SERVES, buying, None, NOW).actions == ()
    bought = replace(buying, acting=False)
    assert decide(workspace(tuned=False), SERVES, bought, None, NOW).actions == (Finish(),)


def test_a_workspace_goes_only_after_a_look_past_the_caches() -> None:
    """A watch that is late hides what was bought last; once the Workspace is gone, nobody gives that back."""
    unseen = Observed(deleting=True, release=NODES_GONE, look_due=True)
    assert decide(workspace(tuned=False), SERVES, unseen, None, NOW).actions == (Look(),)
    seen = replace(unseen, release=NODES_LEFT)
    assert isinstance(decide(workspace(tuned=False), SERVES, seen, None, NOW).actions[0], Release)
    looked = replace(unseen, look_due=False)
    assert decide(workspace(tuned=False), SERVES, looked, None, NOW).actions == (Finish(),)


def test_a_look_that_is_refused_is_made_again_after_a_rest_and_given_up_in_the_end() -> None:
    trouble = Trouble("TooManyRequests", "the API server is busy")
    unseen = Observed(deleting=True, release=NODES_GONE, look_due=True, provisioner_trouble=trouble)
    rests = decide(workspace(tuned=False), SERVES, replace(unseen, attempts=1, failed_at=NOW), None, NOW)
    assert (rests.actions, rests.again_in) == ((), 2.0)
    assert told(rests) == (
        "workspaceDeleted",
        "waits until nodes of default/demo are given back: the API server is busy",
    )
    given_up = decide(workspace(tuned=False), SERVES, replace(unseen, attempts=8, failed_at=NOW), None, NOW)
    assert given_up.actions == (Finish(),)
    (event,) = given_up.events
    assert event.message.endswith("could not be released: the API server is busy")


@pytest.mark.parametrize(
    "observed",
    [
        Observed(deleting=True, provisioner_trouble=Trouble("PluginNotFound", "gone")),
        Observed(deleting=True, release=ProvisionerDecision(outcome=Failed("auth", "forbidden"))),
        Observed(
            deleting=True, release=ProvisionerDecision(outcome=Failed("transient", "500")), attempts=8, failed_at=NOW
        ),
    ],
)
def test_deleting_always_ends_and_names_what_is_left(observed: Observed) -> None:
    held = WorkspaceStatus(worker_nodes=["node-1", "node-2"])
    answer = decide(workspace(tuned=False), SERVES, observed, held, NOW)
    (event,) = answer.events
    assert event.reason == "NotReleased"
    assert "nodes of default/demo (node-1, node-2) could not be released" in event.message
    assert answer.actions == (Finish(unreleased=event.message),)
    assert told(answer) == ("NotReleased", event.message)


def test_what_was_asked_for_is_named_where_no_node_is_known() -> None:
    lost = Observed(deleting=True, provisioner_trouble=Trouble("CloudUnreachable", "no answer"))
    asked = WorkspaceStatus(provisioner=ProvisionerStatus(attempts=AttemptsStatus(asked=["rent desk-1"])))
    (finish,) = decide(workspace(tuned=False), SERVES, lost, asked, NOW).actions
    assert finish == Finish(unreleased="nodes of default/demo (rent desk-1) could not be released: no answer")


def test_nothing_is_left_where_nothing_was_asked_for() -> None:
    """A provisioner that never worked must not keep its Workspace."""
    lost = Observed(deleting=True, provisioner_trouble=Trouble("PluginNotFound", "gone"))
    assert decide(workspace(tuned=False), SERVES, lost, WorkspaceStatus(), NOW).actions == (Finish(),)


def told(decision: Decision) -> tuple[str, str]:
    condition = decision.status.condition("WorkspaceDeleting")
    assert condition is not None
    return condition.reason, condition.message
