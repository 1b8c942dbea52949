"""Machines under names of ours. A new provisioner of `llmwright plugins new` holds the rest to the whole contract."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from llmwright.plugins.machines import CloudMachine, MachineProvisioner, Order
from llmwright.testing import CloudWorld, make_context, make_node_request
from llmwright.values.nodes import LivingWorkspace, NodeRequest, ProvisionerDecision, Ready


class Quay(MachineProvisioner):
    """Machines of a world, whose nodes have names of their own."""

    targets = frozenset({"kubernetes"})
    owner_label = "quay.example/owner"

    def __init__(self, world: CloudWorld) -> None:
        super().__init__(make_context(name="quay"))
        self.world = world

    def machines(self) -> Iterator[CloudMachine]:
        """List what the world sold."""
        for node, machine in self.world.sold.items():
            facts: dict[str, Any] = machine.facts
            state: Any = self.world.state(node)
            name, owner = facts.get("order", node), facts.get("owner", "")
            yield CloudMachine(name=name, owner=owner, state=state, node=node)

    def create(self, order: Order) -> None:
        """Buy one."""
        facts = {"order": order.name, "owner": order.owner, "labels": order.labels}
        self.world.create(f"node-of-{order.name}", instance_type=order.instance_type, **facts)

    def delete(self, machine: CloudMachine) -> None:
        """Give one back, by the name of its node."""
        self.world.delete(machine.node)


@pytest.fixture
def driver() -> Quay:
    return Quay(CloudWorld())


def passes(driver: Quay, request: NodeRequest, count: int = 4) -> ProvisionerDecision:
    """Let the driver decide and act, and return its last decision."""
    for _ in range(count):
        decision = driver.decide(request, driver.observe(request, driver.refresh("")), driver.world.now)
        for action in decision.actions:
            driver.act(action)
        driver.world.tick()
    return decision


def test_nodes_may_have_names_of_the_cloud_s(driver: Quay) -> None:
    """It is ready with these names, spares the nodes with pods, and gives back by them."""
    request = make_node_request(count=2)
    outcome = passes(driver, request).outcome
    assert isinstance(outcome, Ready)
    nodes = [node.name for node in outcome.nodes]
    assert sorted(nodes) == sorted(driver.world.sold)

    passes(driver, replace(request, count=1, occupied=frozenset(nodes[1:])))
    assert list(driver.world.sold) == nodes[1:]

    assert passes(driver, replace(request, count=0)).outcome == Ready(())
    assert not driver.world.sold


@pytest.mark.parametrize("config", [{}, {"zone": "b"}])
def test_an_order_says_what_to_make(driver: Quay, config: dict[str, Any]) -> None:
    request = replace(make_node_request(count=1), config=config, selector={"apps": "a"})
    (action,) = driver.decide(request, (), driver.world.now).actions
    order = Order(**action.body)
    assert (order.config, order.instance_type) == (config, request.instance_type_name)
    assert {"apps": "a", **driver.placement(request).selector} == order.labels


def test_the_owner_is_a_label_however_long_the_names_are(driver: Quay) -> None:
    long = replace(make_node_request(), namespace="n" * 63, workspace="w" * 63)
    (value,) = driver.placement(long).selector.values()
    assert len(value) <= 63
    assert driver.placement(replace(long, workspace="w" * 62)).selector != driver.placement(long).selector


def test_machines_of_others_are_no_orphans(driver: Quay) -> None:
    request = make_node_request(count=1)
    passes(driver, request)
    driver.world.create("of-somebody-else", owner="them")
    living = [LivingWorkspace(namespace=request.namespace, workspace=request.workspace, provisioner="quay")]

    assert list(driver.orphans(living, driver.refresh(""))) == []
    (orphan,) = driver.orphans([replace(living[0], provisioner="byo")], driver.refresh(""))
    for action in orphan.actions:
        driver.act(action)
    assert list(driver.world.sold) == ["of-somebody-else"]
