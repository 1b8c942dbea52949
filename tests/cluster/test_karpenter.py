"""Nodes by Karpenter, for real: its controllers, its API server, KWOK's nodes."""

from __future__ import annotations

import json

import pytest
from tests.cluster.support.harness import Karpenter, install_karpenter_crds
from tests.cluster.support.karpenter_world import KWOK, KarpenterWorld, world_of
from tests.support.waiting import wait_until

from llmwright.values.nodes import Failed, Outcome, Ready, Waiting

pytestmark = pytest.mark.cluster

MODES = ("nodeclaim", "nodepool")


def ready(outcome: Outcome) -> bool:
    return isinstance(outcome, Ready)


def failed(outcome: Outcome) -> bool:
    return isinstance(outcome, Failed)


def released(world: KarpenterWorld) -> None:
    world.ask(count=0)
    assert world.until(ready) == Ready()
    assert not {orphan.name.partition("/")[2] for orphan in world.driver.orphans((), None)} & {*world.applied}


@pytest.mark.parametrize("mode", MODES)
def test_nodes_come_and_go(karpenter: Karpenter, mode: str) -> None:
    world = world_of(karpenter.plane, f"life-{mode}", mode, count=2)
    found = world.until(ready)
    assert isinstance(found, Ready)
    names = {node.name for node in found.nodes}
    owner = ",".join(f"{key}={value}" for key, value in world.driver.placement(world.request).selector.items())
    nodes = karpenter.plane.get("nodes", f"-l{owner}")
    assert {node["metadata"]["name"] for node in nodes} == names
    assert {node["metadata"]["labels"]["karpenter.sh/capacity-type"] for node in nodes} == {"on-demand"}
    assert {node["metadata"]["labels"]["apps"] for node in nodes} == {"shared"}
    assert {taint["key"] for node in nodes for taint in node["spec"]["taints"]} >= {"sku"}
    assert len(world.applied) == (2 if mode == "nodeclaim" else 1)

    world.ask(count=1)
    world.until(lambda outcome: isinstance(outcome, Ready) and len(outcome.nodes) == 1)

    def one_node_left() -> bool:
        # ``replicas`` of a NodePool are lowered a moment after the outcome is Ready with fewer nodes.
        world.once()
        return len(karpenter.plane.get("nodes", f"-l{owner}")) == 1

    wait_until(one_node_left, "the other node goes", every_s=0.3)
    released(world)
    assert karpenter.plane.get("nodes", f"-l{owner}") == []


@pytest.mark.parametrize("mode", MODES)
def test_two_with_one_selector_keep_apart(karpenter: Karpenter, mode: str) -> None:
    worlds = [world_of(karpenter.plane, f"sibling-{letter}-{mode}", mode) for letter in "ab"]
    found = [world.until(ready) for world in worlds]
    names = {node.name for outcome in found if isinstance(outcome, Ready) for node in outcome.nodes}
    assert len(names) == 2
    for world in worlds:
        released(world)


def test_fifty_workspaces_get_a_node_each(karpenter: Karpenter) -> None:
    worlds = [world_of(karpenter.plane, f"many-{index}", "nodeclaim") for index in range(50)]
    for world in worlds:
        world.driver.act(
            world.driver.decide(
                world.request, world.driver.observe(world.request, world.snapshot()), world.now()
            ).actions[0]
        )
    made = {claim["metadata"]["name"] for claim in karpenter.plane.get("nodeclaims", "-lkaito.sh/workspace")}
    assert len(made) == 50
    for world in worlds:
        world.until(ready)
    assert {claim["metadata"]["name"] for claim in karpenter.plane.get("nodeclaims", "-lkaito.sh/workspace")} == made
    for world in worlds:
        world.ask(count=0)
        world.once()
    for world in worlds:
        assert world.until(ready) == Ready()


@pytest.mark.parametrize("mode", MODES)
def test_an_unknown_machine_is_named_as_the_cause(karpenter: Karpenter, mode: str) -> None:
    world = world_of(karpenter.plane, f"unknown-{mode}", mode, instance_type=None, instance_type_name="Standard_None")
    outcome = world.until(failed)
    assert isinstance(outcome, Failed)
    assert outcome.kind == "invalid"
    assert outcome.reason != "StaticCapacityOff"
    released(world)


def test_a_pool_whose_node_class_is_missing_says_so(karpenter: Karpenter) -> None:
    config = {"mode": "nodepool", "nodeClassRef": {**KWOK, "name": "not-there"}}
    world = world_of(karpenter.plane, "no-class", "nodepool", config=config)
    outcome = world.until(failed)
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.reason) == ("invalid", "NodeClassNotFound"), outcome
    released(world)


def test_claims_that_karpenter_takes_away_are_not_asked_for_without_end(karpenter: Karpenter) -> None:
    missing = {**KWOK, "name": "not-there"}
    world = world_of(karpenter.plane, "churn", "nodeclaim", config={"mode": "nodeclaim", "nodeClassRef": missing})

    def is_given_up() -> bool:
        outcome = world.once().outcome
        if not world.owned("nodeclaims"):
            world.ahead_s += 5  # the pause before the next attempt passes
        return isinstance(outcome, Failed) and outcome.reason == "CircuitOpen"

    wait_until(is_given_up, "the circuit opens", every_s=0.2)
    assert isinstance(world.seen[-1], Failed), world.seen
    assert world.seen[-1].reason == "CircuitOpen"
    assert "5 attempts in a row to get nodes failed" in world.seen[-1].message
    assert 5 <= len(world.applied) <= 15
    before = len(world.applied)
    world.ahead_s += 200
    world.once()
    assert len(world.applied) == before
    world.ahead_s += 101
    world.once()
    assert len(world.applied) == before + 1
    released(world)


def test_a_claim_that_somebody_deletes_comes_back(karpenter: Karpenter) -> None:
    world = world_of(karpenter.plane, "deleted", "nodeclaim")
    world.until(ready)
    (name,) = set(world.applied)
    karpenter.plane.kubectl("delete", "nodeclaim", name)
    world.until(lambda outcome: not ready(outcome))
    world.until(ready)
    assert set(world.applied) == {name}
    released(world)


def test_a_static_pool_that_nobody_acts_on_says_so(karpenter: Karpenter) -> None:
    karpenter.restart(static_capacity=False)
    try:
        world = world_of(karpenter.plane, "static-off", "nodepool")
        first = [world.once().outcome for _ in range(3)][-1]
        assert isinstance(first, Waiting)
        assert first.reason == "NodePoolNotReady"
        world.ahead_s = 61
        off = world.once().outcome
        assert isinstance(off, Failed), world.owned("nodepools")
        assert off.reason == "StaticCapacityOff"
        assert "provisionerConfig.mode: nodeclaim" in off.message
        world.ahead_s = 0
        released(world)
    finally:
        karpenter.restart()


def test_a_claim_without_its_workspace_is_an_orphan(karpenter: Karpenter) -> None:
    world = world_of(karpenter.plane, "orphan", "nodeclaim")
    world.until(ready)
    assert f"nodeclaim/{world.applied[0]}" in [orphan.name for orphan in world.driver.orphans((), None)]
    released(world)


def test_the_generated_document_is_what_the_api_server_says(karpenter: Karpenter) -> None:
    from plugins.provisioner_karpenter.client import generate

    document = json.loads(karpenter.plane.kubectl("get", "--raw", "/openapi/v3/apis/karpenter.sh/v1"))
    assert generate.as_text(generate.prepare(document)) == generate.DOCUMENT.read_text()


def test_releasing_ends_without_the_crds(karpenter: Karpenter) -> None:
    world = world_of(karpenter.plane, "no-crds", "nodeclaim")
    world.until(ready)
    crds = ("nodeclaims.karpenter.sh", "nodepools.karpenter.sh")
    karpenter.plane.kubectl("delete", "crd", *crds, "--wait=false")
    try:
        wait_until(lambda: not karpenter.plane.serves("/apis/karpenter.sh/v1/nodeclaims"), "the CRD goes")
        asked = world.once()
        assert isinstance(asked.outcome, Failed)
        assert asked.outcome.reason == "KarpenterMissing"
        world.ask(count=0)
        assert world.once().outcome == Ready()
        assert [*world.driver.orphans((), None)] == []
    finally:
        install_karpenter_crds(karpenter.plane)
        karpenter.restart()
