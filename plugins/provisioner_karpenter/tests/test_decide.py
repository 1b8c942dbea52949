"""Decisions, without any cluster: what is asked for, what is waited for, why it fails, and for how long it is tried."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest

from llmwright.testing import make_context, make_instance_type
from llmwright.testing.presets import NOW
from llmwright.values.node_object import NodeObject
from llmwright.values.nodes import Failed, NodeRequest, ProvisionerDecision, Ready, Waiting
from llmwright_provisioner_karpenter.cause import kind_of
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.object_names import claim_names, pool_name
from llmwright_provisioner_karpenter.owned_objects import Claim, Condition, OwnedObjects, Pool

SKU = "Standard_NC24ads_A100_v4"
KWOK = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass"}
READY = (Condition("Ready", "True"),)


def ask(mode: str = "nodeclaim", **changes: Any) -> NodeRequest:
    facts: dict[str, Any] = {"namespace": "ns", "workspace": "ws", "count": 1, "instance_type_name": SKU}
    facts["instance_type"] = make_instance_type(name=SKU, cloud="azure", gpus=1)
    return NodeRequest(**{**facts, "config": {"mode": mode, "nodeClassRef": KWOK}, **changes})


def name(index: int = 0) -> str:
    names = claim_names("ns", "ws")
    return [next(names) for _ in range(index + 1)][-1]


def claim(called: str = "", *, ready: bool = True, **changes: Any) -> Claim:
    called = called or name()
    facts = {"node": f"node-{called}", "conditions": READY} if ready else {}
    return Claim(**{"name": called, "uid": "u", "created": NOW, **facts, **changes})


def node(called: str, **changes: Any) -> NodeObject:
    labels = {"node.kubernetes.io/instance-type": SKU}
    facts: dict[str, Any] = {"ready": True, "pressure": (), "allocatable": {"nvidia.com/gpu": "1"}, "labels": labels}
    return NodeObject(**{"name": f"node-{called}", **facts, **changes})


def seen(*claims: Claim, **changes: Any) -> OwnedObjects:
    nodes = {each.node: node(each.name) for each in claims if each.node}
    return OwnedObjects(**{"claims": claims, "nodes": nodes, **changes})


def decide(request: NodeRequest, observed: OwnedObjects, now: datetime = NOW, **settings: Any) -> ProvisionerDecision:
    return KarpenterProvisioner(make_context(settings=settings)).decide(request, observed, now)


def verbs(decision: ProvisionerDecision) -> list[tuple[str, str]]:
    return [(action.verb, action.name) for action in decision.actions]


def test_what_is_missing_is_asked_for_once() -> None:
    first = decide(ask(count=3), seen())
    assert verbs(first) == [("apply", name(index)) for index in range(3)]
    lagging = decide(ask(count=3, state=first.state), seen(claim(ready=False)), NOW + timedelta(seconds=5))
    assert lagging.actions == ()
    forgotten = decide(ask(count=3), seen(claim(ready=False)))
    assert verbs(forgotten) == [("apply", name(1)), ("apply", name(2))]


def test_a_lost_answer_is_repeated_and_never_opens_the_circuit() -> None:
    state = decide(ask(), seen()).state
    now, applied = NOW, 0
    for _ in range(200):
        now += timedelta(seconds=11)
        decision = decide(ask(state=state), seen(), now)
        assert isinstance(decision.outcome, Waiting)
        applied += len(decision.actions)
        state = decision.state
    assert 5 < applied < 25


def test_claims_of_other_names_count_as_ours() -> None:
    assert decide(ask(), seen(claim("wsabcdef012"))).actions == ()


def test_one_that_goes_keeps_its_place_until_it_is_gone() -> None:
    decision = decide(ask(), seen(claim(deleting=NOW)))
    assert decision.actions == ()
    assert isinstance(decision.outcome, Waiting)
    assert decision.outcome.reason == "NodeClaimDeleting"


def test_too_many_go_and_what_is_not_ready_goes_first() -> None:
    several = (claim("a"), claim("b", ready=False), claim("c"))
    decision = decide(ask(count=2), seen(*several))
    assert verbs(decision) == [("delete-nodeclaim", "b")]
    assert isinstance(decision.outcome, Ready)


LAUNCH_FAILED = {
    "quota": "creating instance, QuotaExceeded: Operation results in exceeding approved cores quota",
    "capacity": "InsufficientInstanceCapacity: We currently do not have sufficient g5.xlarge capacity",
    "auth": "AuthorizationFailed: the client does not have authorization to perform action",
    "invalid": "resolving node class, ec2nodeclass not found",
}


@pytest.mark.parametrize("kind", LAUNCH_FAILED)
def test_root_causes_come_from_the_claims(kind: str) -> None:
    conditions = (
        Condition("Registered", "Unknown", "AwaitingReconciliation", "object is awaiting reconciliation"),
        Condition("Launched", "Unknown", "LaunchFailed", LAUNCH_FAILED[kind]),
    )
    outcome = decide(ask(), seen(claim(ready=False, conditions=conditions))).outcome
    assert isinstance(outcome, Failed)
    assert outcome.kind == kind
    assert LAUNCH_FAILED[kind] in outcome.message


def test_words_that_tell_nothing_have_no_kind() -> None:
    assert kind_of("LaunchFailed: the cloud had a hiccup") is None
    conditions = (Condition("Launched", "Unknown", "LaunchFailed", "the cloud had a hiccup"),)
    outcome = decide(ask(), seen(claim(ready=False, conditions=conditions))).outcome
    assert outcome == Waiting("LaunchFailed", f"0 of 1 NodeClaims are ready; {name()}: the cloud had a hiccup")


def test_a_machine_has_time_to_register_before_that_counts() -> None:
    conditions = (Condition("Registered", "Unknown", "NodeNotFound", "Node not registered with cluster"),)
    observed = seen(claim(ready=False, conditions=conditions))
    early, late = (decide(ask(), observed, NOW + timedelta(seconds=age)).outcome for age in (119, 120))
    assert early == Waiting("NodeClaimNotReady", "0 of 1 NodeClaims are ready", again_in=120.0)
    assert isinstance(late, Failed | Waiting)
    assert "Node not registered with cluster" in late.message


NODES: dict[str, tuple[dict[str, Any] | None, str, str]] = {
    "gone": (None, "NodeNotReady", "is not there"),
    "lost": ({"ready": False, "pressure": ("MemoryPressure",)}, "NodeNotReady", "not ready (MemoryPressure)"),
    "other type": ({"labels": {}}, "WrongInstanceType", "machine without a type"),
    "no plugin": ({"allocatable": {}}, "NodePluginsNotReady", "offers no nvidia.com/gpu yet"),
}


@pytest.mark.parametrize("case", NODES)
def test_what_a_ready_machine_lacks_is_named(case: str) -> None:
    changes, reason, text = NODES[case]
    nodes = {} if changes is None else {f"node-{name()}": node(name(), **changes)}
    outcome = decide(ask(), seen(claim(), nodes=nodes)).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.reason == reason
    assert text in outcome.message


def test_without_quota_attempts_grow_rare_and_end() -> None:
    """KAITO #2295: no endless making and deleting of NodeClaims."""
    failing = (Condition("Launched", "Unknown", "LaunchFailed", LAUNCH_FAILED["quota"]),)
    state: Any = {}
    now, tries, there = NOW, [], False
    for _ in range(2000):
        now += timedelta(seconds=5)
        observed = seen(claim(ready=False, created=now, conditions=failing)) if there else seen()
        decision = decide(ask(state=state), observed, now)
        state = json.loads(json.dumps(decision.state))
        tries += [now] if decision.actions else []
        there = bool(decision.actions)
    gaps = [(after - before).total_seconds() for before, after in pairwise(tries)]
    assert gaps[:4] == sorted(gaps[:4])
    assert all(gap >= 3600 for gap in gaps[4:])
    assert isinstance(decision.outcome, Failed)
    assert (decision.outcome.kind, decision.outcome.reason) == ("quota", "CircuitOpen")
    assert "QuotaExceeded" in decision.outcome.message
    ready = decide(ask(state=state), seen(claim()), now)
    assert ready.state == {"mode": "nodeclaim"}


@pytest.mark.parametrize("state", [{"failures": "x", "tried": 3, "asked": "ws", "cause": []}, {"failed": "2026-01-01"}])
def test_a_state_of_another_making_is_passed_over(state: dict[str, Any]) -> None:
    assert verbs(decide(ask(state=state), seen())) == [("apply", name())]


def test_nodes_of_gpu_provisioner_get_the_label_of_their_device_plugin() -> None:
    request = replace(ask(), config={})
    assert verbs(decide(request, seen(claim()))) == [("label-node", f"node-{name()}")]
    labelled = node(name(), labels={"node.kubernetes.io/instance-type": SKU, "accelerator": "nvidia"})
    assert decide(request, seen(claim(), nodes={labelled.name: labelled})).actions == ()


INVALID = {
    "no kinds": (ask(), OwnedObjects(served=False), "KarpenterMissing"),
    "no pools": (ask("nodepool"), OwnedObjects(pools_served=False), "KarpenterMissing"),
    "no machine": (ask(instance_type_name="", instance_type=None), OwnedObjects(), "NoInstanceType"),
    "a share": (ask(partition={"mode": "mig", "profile": "1g.10gb"}), OwnedObjects(), "NoPartition"),
    "long": (ask(workspace="w" * 64), OwnedObjects(), "NameTooLong"),
}


@pytest.mark.parametrize("case", INVALID)
def test_what_no_waiting_mends_fails(case: str) -> None:
    request, observed, reason = INVALID[case]
    decision = decide(request, observed)
    assert isinstance(decision.outcome, Failed)
    assert (decision.outcome.kind, decision.outcome.reason) == ("invalid", reason)
    assert decision.actions == ()


def test_a_cloud_without_a_node_class_needs_one() -> None:
    request = ask(config={}, instance_type=make_instance_type(name=SKU, cloud="gcp", gpus=1))
    outcome = decide(request, seen(), cloud="gcp").outcome
    assert isinstance(outcome, Failed)
    assert outcome.reason == "NoNodeClass"


def pool(**changes: Any) -> Pool:
    return Pool(**{"name": pool_name("ns", "ws"), "uid": "p", "created": NOW, "replicas": 1, **changes})


def pooled(*claims: Claim, **changes: Any) -> OwnedObjects:
    nodes = {each.node: node(each.name) for each in claims if each.node}
    return OwnedObjects(**{"pooled": claims, "nodes": nodes, "pool": pool(), **changes})


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
        (pooled(claim("x"), claim("y"), pool=pool()), 60, "NodePoolScaling"),
        (pooled(pool=pool(deleting=NOW)), 0, "NodePoolDeleting"),
        (pooled(pool=pool(conditions=(Condition("NodeClassReady", "False", "NoClass", "none"),))), 0, "NoClass"),
    ],
)  # fmt: skip
def test_a_pool_tells_what_it_waits_for(observed: OwnedObjects, seconds: int, reason: str) -> None:
    outcome = decide(ask("nodepool"), observed, NOW + timedelta(seconds=seconds)).outcome
    assert isinstance(outcome, Waiting | Failed)
    assert outcome.reason == reason


def test_a_pool_that_churns_is_scaled_to_what_is_ready() -> None:
    state: Any = {}
    now, replicas = NOW, 2
    for index in range(12):
        now += timedelta(seconds=30)
        failing = (Condition("Launched", "Unknown", "LaunchFailed", LAUNCH_FAILED["capacity"]),)
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
    later = decide(ask("nodepool", count=2, state=state), alone, now + timedelta(hours=1))
    assert [action.body["spec"]["replicas"] for action in later.actions] == [2]


def test_releasing_gives_back_both_ways() -> None:
    both = seen(claim(), pool=pool(), pooled=(claim("p"),))
    assert verbs(decide(ask(count=0), both)) == [("delete-nodepool", "ns-ws"), ("delete-nodeclaim", name())]
    assert verbs(decide(ask(count=0), OwnedObjects(pooled=(claim("p"),)))) == [("delete-nodeclaim", "p")]


def test_releasing_ends_where_the_kinds_are_gone() -> None:
    """KAITO #1899: no Workspace is stuck in Terminating when Karpenter's CRDs are gone."""
    gone = OwnedObjects(claims=(claim(),), pool=pool(), served=False, pools_served=False)
    assert decide(ask(count=0), gone) == ProvisionerDecision(outcome=Ready())


def test_a_deletion_that_is_refused_is_named_in_the_end() -> None:
    going = seen(claim(deleting=NOW))
    waiting, failed = (decide(ask(count=0), going, NOW + timedelta(minutes=age)).outcome for age in (14, 15))
    assert isinstance(waiting, Waiting)
    assert waiting.again_in == 60
    assert isinstance(failed, Failed)
    assert (failed.reason, name() in failed.message) == ("ReleaseRefused", True)


def test_each_way_has_its_own_placement() -> None:
    driver = KarpenterProvisioner(make_context())
    assert driver.placement(ask()).selector == {"kaito.sh/workspacenamespace": "ns", "kaito.sh/workspace": "ws"}
    assert driver.placement(ask("nodepool")).selector == {
        "karpenter.kaito.sh/workspace-namespace": "ns",
        "karpenter.kaito.sh/workspace-name": "ws",
    }


def test_a_thousand_nodes_are_remembered_in_four_kibibytes() -> None:
    decision = decide(ask(count=1000), seen())
    assert len(decision.actions) == 1000
    assert len(json.dumps(decision.state)) <= 4096
