"""NodePools: created, scaled, and at rest after failures."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    LAUNCH_FAILED,
    ask,
    claim,
    decide,
    pool,
    pooled,
    verbs,
)

from llmwright.testing.presets import NOW
from llmwright.values.nodes import Failed, Ready, Waiting
from llmwright_provisioner_karpenter.nodepool_mode import EMPTY_S, LOWERING
from llmwright_provisioner_karpenter.owned_objects import ClaimCondition, OwnedObjects


def test_a_pool_is_made_once_and_scaled_with_its_template_kept() -> None:
    first = decide(ask("nodepool"), OwnedObjects())
    assert verbs(first) == [("apply", "ns-ws")]
    assert decide(ask("nodepool", state=first.state), OwnedObjects(), NOW + timedelta(seconds=5)).actions == ()
    kept = {"spec": {"from": "an older version"}}
    (scaled,) = decide(ask("nodepool", count=2), pooled(pool=pool(template=kept))).actions
    assert (scaled.body["spec"]["replicas"], scaled.body["spec"]["template"]) == (2, kept)


@pytest.mark.parametrize(
    ("observed", "seconds", "reason"),
    [
        (pooled(), 59, "NodePoolNotReady"),
        (pooled(), 60, "StaticCapacityOff"),
        (pooled(claim("x", ready=False)), 60, "NodeClaimNotReady"),
        (pooled(pool=pool(nodes=1)), 60, "NodeClaimNotReady"),
        (pooled(pool=pool(deleting=NOW)), 0, "NodePoolDeleting"),
        (pooled(pool=pool(conditions=(ClaimCondition("NodeClassReady", "False", "NoClass", "none"),))), 0, "NoClass"),
    ],
)  # fmt: skip
def test_a_pool_tells_what_it_waits_for(observed: OwnedObjects, seconds: int, reason: str) -> None:
    outcome = decide(ask("nodepool"), observed, NOW + timedelta(seconds=seconds)).outcome
    assert isinstance(outcome, Waiting | Failed)
    assert outcome.reason == reason


def test_a_pool_is_lowered_once_karpenter_has_seen_that_pods_ended() -> None:
    four = pooled(*map(claim, "abcd"), pool=pool(replicas=4))
    request = ask("nodepool", count=2, occupied=frozenset(("node-b", "node-d")))
    first = decide(request, four)
    assert first.actions == ()
    assert isinstance(first.outcome, Ready)
    assert ([node.name for node in first.outcome.nodes], first.outcome.again_in) == (["node-b", "node-d"], EMPTY_S)
    later = decide(replace(request, state=first.state), four, NOW + timedelta(seconds=EMPTY_S))
    assert [action.body["spec"]["replicas"] for action in later.actions] == [2]
    lowered = pooled(*map(claim, "abcd"), pool=pool(replicas=2))
    assert LOWERING not in decide(replace(request, state=later.state), lowered).state


def test_a_pool_whose_pods_have_not_ended_is_not_lowered() -> None:
    occupied = frozenset(f"node-{name}" for name in "abcd")
    four = pooled(*map(claim, "abcd"), pool=pool(replicas=4))
    decision = decide(ask("nodepool", count=4, occupied=occupied), four, NOW + timedelta(hours=1))
    assert (decision.actions, LOWERING in decision.state) == ((), False)


def test_a_pool_that_churns_is_scaled_to_what_is_ready() -> None:
    state: Any = {}
    now, replicas = NOW, 2
    for index in range(12):
        now += timedelta(seconds=30)
        failing = (ClaimCondition("Launched", "Unknown", "LaunchFailed", LAUNCH_FAILED["capacity"]),)
        claims = (claim("good"), claim(f"bad{index}", ready=False, conditions=failing))
        decision = decide(ask("nodepool", count=2, state=state), pooled(*claims, pool=pool(replicas=replicas)), now)
        state = json.loads(json.dumps(decision.state))
        for action in decision.actions:
            replicas = action.body["spec"]["replicas"]
        if replicas == 1:
            break
    assert replicas == 1
    assert isinstance(decision.outcome, Failed)
    assert (decision.outcome.kind, decision.outcome.reason) == ("capacity", "CircuitOpen")
    alone = pooled(claim("good"), pool=pool())
    state = decide(ask("nodepool", count=2, state=state), alone, now + timedelta(seconds=5)).state
    later = decide(ask("nodepool", count=3, state=state), alone, now + timedelta(seconds=601))
    assert [action.body["spec"]["replicas"] for action in later.actions] == [2]
    trying = pooled(claim("good"), claim("tried", ready=False), pool=pool(replicas=2))
    state = decide(ask("nodepool", count=3, state=later.state), trying, now + timedelta(seconds=660)).state
    both = pooled(claim("good"), claim("tried"), pool=pool(replicas=2))
    closed = decide(ask("nodepool", count=3, state=state), both, now + timedelta(seconds=720))
    assert [action.body["spec"]["replicas"] for action in closed.actions] == [3]
