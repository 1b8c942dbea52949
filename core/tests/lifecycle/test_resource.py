"""What a provisioner says, and what becomes of it in the status."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from core.tests.lifecycle.support.lifecycle_world import (
    CREATE,
    NODES_READY,
    NODES_WAIT,
    NOW,
    truth,
    workspace,
)
from core.tests.lifecycle.support.serving_world import HELD, SERVES

from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Provision
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.testing import make_instance_type
from llmwright.values.nodes import Failed, Node, ProvisionerAction, ProvisionerDecision, Ready, Waiting


@pytest.mark.parametrize(
    ("kind", "reason", "stalled"),
    [
        ("quota", "QuotaExceeded", True),
        ("capacity", "InsufficientCapacity", True),
        ("transient", "ProvisioningFailed", False),
    ],
)
def test_a_provisioner_that_fails_says_why(kind: Any, reason: str, stalled: bool) -> None:
    decision = ProvisionerDecision(outcome=Failed(kind, "the cloud says no"))
    answer = decide(workspace(tuned=False), SERVES, replace(HELD, provision=decision), None, NOW)
    assert truth(answer.status)["ResourceReady"] == ("False", reason)
    assert (truth(answer.status)["Stalled"][0] == "True") == stalled
    assert answer.again_in is not None
    assert [(event.type, event.reason) for event in answer.events] == [("Warning", reason)]


def test_transient_failures_back_off() -> None:
    retry = ProvisionerDecision(
        outcome=Failed("transient", "429"), actions=(ProvisionerAction(verb="create", name="n"),)
    )
    observed = replace(HELD, provision=retry, attempts=3, failed_at=NOW)
    early = decide(workspace(tuned=False), SERVES, observed, None, NOW + timedelta(seconds=7))
    assert early.actions == ()
    assert early.again_in == pytest.approx(1.0)
    due = decide(workspace(tuned=False), SERVES, observed, None, NOW + timedelta(seconds=8))
    assert [type(action) for action in due.actions] == [Provision]


def test_a_missing_driver_stalls_its_own_workspace() -> None:
    trouble = Trouble("PluginNotFound", "no provisioner is named 'aks'")
    answer = decide(workspace(tuned=False), SERVES, Observed(provisioner_trouble=trouble), None, NOW)
    assert truth(answer.status)["Stalled"] == ("True", "PluginNotFound")
    assert answer.actions == ()


def test_what_a_provisioner_remembers_of_a_refused_action_is_kept() -> None:
    """Without it, a provisioner notices the same failure with every pass, and never asks again."""
    noticed = ProvisionerDecision(outcome=Waiting("BackingOff", "1 attempt failed", 15.0), state={"failures": 1})
    observed = Observed(
        provision=noticed, provisioner_trouble=Trouble("ServiceUnavailable", "503"), attempts=1, failed_at=NOW
    )
    status = decide(workspace(tuned=False), SERVES, observed, None, NOW).status
    assert status.provisioner is not None
    assert status.provisioner.state == {"failures": 1}


def test_an_action_that_is_not_due_is_not_remembered_as_asked_for() -> None:
    asked = replace(NODES_WAIT, state={"asked": ["node-1"]})
    observed = Observed(
        provision=asked, provisioner_trouble=Trouble("ServiceUnavailable", "503"), attempts=1, failed_at=NOW
    )
    waiting = decide(workspace(tuned=False), SERVES, observed, None, NOW)
    assert (waiting.actions, waiting.status.provisioner) == ((), None)
    due = decide(workspace(tuned=False), SERVES, observed, None, NOW + timedelta(hours=1))
    assert due.actions == (Provision((CREATE,)),)
    assert due.status.provisioner is not None


def test_claims_and_pressure_are_told_as_upstream_does() -> None:
    nodes = ProvisionerDecision(outcome=Ready((Node(name="n1", pressure=("DiskPressure",)),)))
    observed = replace(HELD, provision=nodes, claims=Ready(()))
    status = decide(workspace(tuned=False), SERVES, observed, None, NOW).status
    ready = status.condition("NodesReady")
    assert ready is not None
    assert ready.message == (
        "Enough Nodes are ready; warning: worker node(s) under resource pressure: n1 (DiskPressure)"
    )
    assert truth(status)["NodeClaimReady"] == ("True", "NodeClaimsReady")
    waiting = replace(observed, claims=Waiting("LaunchFailed", "no quota"), provision=NODES_READY)
    status = decide(workspace(tuned=False), SERVES, waiting, status, NOW).status
    assert truth(status)["ResourceReady"] == truth(status)["NodeClaimReady"] == ("False", "LaunchFailed")
    byo = decide(workspace(tuned=False), SERVES, HELD, status, NOW).status
    assert "NodeClaimReady" not in truth(byo)


def test_a_root_cause_is_not_hidden_by_nodeclaims_own_words() -> None:
    refused = ProvisionerDecision(outcome=Failed("quota", "no cores are left"))
    generic = Waiting("LaunchFailed", "creating instance: OperationNotAllowed")
    observed = replace(HELD, provision=refused, claims=generic)
    found = truth(decide(workspace(tuned=False), SERVES, observed, None, NOW).status)
    assert found["NodeClaimReady"] == ("False", "LaunchFailed")
    assert found["ResourceReady"] == found["Ready"] == ("False", "QuotaExceeded")
    assert found["Stalled"] == ("True", "QuotaExceeded")


def test_a_retired_type_is_warned_of_in_the_status() -> None:
    """Nodes that are lost may not be had again: whoever looks at night sees it before."""
    machine = make_instance_type(name="Standard_NC6s_v3", retired=True, successor="Standard_NC4as_T4_v3")
    plan = replace(SERVES, nodes=replace(SERVES.nodes, instance_type=machine))
    status = decide(workspace(tuned=False), plan, HELD, None, NOW).status
    nodes = status.condition("NodesReady")
    assert nodes is not None
    assert nodes.status == "True"
    assert "Standard_NC6s_v3 is retired" in nodes.message
    assert "its successor is Standard_NC4as_T4_v3" in nodes.message


def test_no_node_is_asked_for_while_its_pod_would_be_refused() -> None:
    refused = Trouble("PodRefused", "the cluster would refuse the pod: no")
    held = replace(HELD, provision=NODES_WAIT, no_nodes=refused)
    answer = decide(workspace(tuned=False), SERVES, held, None, NOW)
    assert answer.actions == ()
    assert truth(answer.status)["ResourceReady"] == ("False", "PodRefused")
    assert truth(answer.status)["Stalled"] == ("True", "PodRefused")
    unknown = decide(workspace(tuned=False), SERVES, replace(held, no_nodes_yet=True), None, NOW)
    assert unknown.actions == ()
    assert truth(unknown.status)["Stalled"][0] == "False"
    admitted = decide(workspace(tuned=False), SERVES, replace(held, no_nodes=None), None, NOW)
    assert [type(action) for action in admitted.actions] == [Provision]


def test_nodes_that_are_there_get_no_pod_that_would_be_refused() -> None:
    refused = Trouble("PodRefused", "the cluster would leave out the volume")
    held = replace(HELD, provision=NODES_READY, no_nodes=refused)
    answer = decide(workspace(tuned=False), SERVES, held, None, NOW)
    assert answer.actions == ()
    assert truth(answer.status)["NodesReady"] == ("True", "NodesReady")
    assert truth(answer.status)["ResourceReady"] == truth(answer.status)["Ready"] == ("False", "PodRefused")
    assert truth(answer.status)["Stalled"] == ("True", "PodRefused")
