"""Causes: what the conditions of a NodeClaim tell about a missing machine."""

from __future__ import annotations

from datetime import timedelta

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    LAUNCH_FAILED,
    ask,
    claim,
    decide,
    name,
    seen,
)

from llmwright.testing.presets import NOW
from llmwright.values.nodes import Failed, Waiting
from llmwright_provisioner_karpenter.cause import kind_of
from llmwright_provisioner_karpenter.owned_objects import ClaimCondition


@pytest.mark.parametrize("kind", LAUNCH_FAILED)
def test_root_causes_come_from_the_claims(kind: str) -> None:
    conditions = (
        ClaimCondition("Registered", "Unknown", "AwaitingReconciliation", "object is awaiting reconciliation"),
        ClaimCondition("Launched", "Unknown", "LaunchFailed", LAUNCH_FAILED[kind]),
    )
    outcome = decide(ask(), seen(claim(ready=False, conditions=conditions))).outcome
    assert isinstance(outcome, Failed)
    assert outcome.kind == kind
    assert LAUNCH_FAILED[kind] in outcome.message


def test_words_that_tell_nothing_have_no_kind() -> None:
    assert kind_of("LaunchFailed: the cloud had a hiccup") is None
    conditions = (ClaimCondition("Launched", "Unknown", "LaunchFailed", "the cloud had a hiccup"),)
    outcome = decide(ask(), seen(claim(ready=False, conditions=conditions))).outcome
    assert outcome == Waiting("LaunchFailed", f"0 of 1 NodeClaims are ready; {name()}: the cloud had a hiccup")


def test_a_machine_has_time_to_register_before_that_counts() -> None:
    conditions = (ClaimCondition("Registered", "Unknown", "NodeNotFound", "Node not registered with cluster"),)
    observed = seen(claim(ready=False, conditions=conditions))
    early, late = (decide(ask(), observed, NOW + timedelta(seconds=age)).outcome for age in (119, 120))
    assert early == Waiting("NodeClaimNotReady", "0 of 1 NodeClaims are ready", again_in=120.0)
    assert isinstance(late, Failed | Waiting)
    assert "Node not registered with cluster" in late.message


WORDS = {
    "InsufficientCapacityError: creating instance, insufficient capacity, all requested instance types": "capacity",
    "InsufficientCapacityError: creating instance, SubscriptionQuotaReached: exceeding approved Total Cores": "quota",
    "InsufficientCapacityError: ZONE_RESOURCE_POOL_EXHAUSTED": "capacity",
    "LaunchFailed: creating instance, UnfulfillableCapacity": "capacity",
    "LaunchFailed: ReservationCapacityExceeded": "capacity",
    "LaunchFailed: VcpuLimitExceeded: You have requested more vCPU capacity": "quota",
    "LaunchFailed: AADSTS7000215: Invalid client secret": "auth",
    "LaunchFailed: PERMISSION_DENIED: Required compute.instances.create": "auth",
    "LaunchFailed: operation error EC2: CreateFleet, AuthFailure": "auth",
    "NodeClassNotReady: nodeclass not ready": "invalid",
    "SpotInterrupted: Spot interruption warning was triggered for the node": "capacity",
}


@pytest.mark.parametrize("text", WORDS)
def test_the_words_of_clouds_have_a_kind(text: str) -> None:
    assert kind_of(text) == WORDS[text]
