"""Laws of what a provisioner buys, and of where pods go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from llmwright.plugins.drivers import Provisioner
from llmwright.testing.driver_law import assert_alike_in_every_process
from llmwright.testing.hook_values import KEY, LABEL
from llmwright.testing.launches import as_json
from llmwright.testing.machine_figures import machine_faults
from llmwright.testing.operated_provisioners import OperatedContract, can_be_had, nodes_of
from llmwright.testing.operation import Operation, seen
from llmwright.testing.presets import make_instance_type
from llmwright.testing.world import World
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import NodeRequest, Waiting, required_labels

SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 3600.0
"""The bounds of ``again_in`` of one that waits for machines."""


SECRET = re.compile(r"token|secret|password|credential|key", re.IGNORECASE)
LONGEST_NAMESPACE, LONGEST_NAME = "n" * 63, "w" * 52
TOLERATION: Mapping[str, tuple[str, ...]] = {
    "key": (), "value": (), "operator": ("Exists", "Equal"), "effect": ("NoSchedule", "PreferNoSchedule", "NoExecute"),
    "tolerationSeconds": (),
}  # fmt: skip
"""Keys of a toleration, and the words of those that have few (v1.Toleration)."""

SELECTOR = {"apps": "of-the-contract"}


class PlacedContract(OperatedContract):
    """Laws of machines and their labels, instance types and figures, and of what decisions tell."""

    def test_it_is_looked_at_again(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """A change that is waited for is reported by a watch, or the outcome says when to look again (``again_in``)."""
        if driver.watches():
            return
        operation = Operation(driver, world, request_)
        decisions = [*operation.passes()]
        operation.ask(count=0)
        decisions += operation.passes()
        for decision in decisions:
            _assert_awaited(decision.outcome)
            assert not decision.paced, (
                "decide: paced, and watches names no kind, so nothing makes machines without an act: the core paces"
            )
        waits = [each.outcome.again_in or 0 for each in decisions if isinstance(each.outcome, Waiting)]
        assert not waits or max(waits) >= SHORTEST_WAIT_S, (
            f"decide: Waiting for {max(waits):g} s at most, so that the cloud is asked all the time: wait some seconds"
        )

    def test_nodes_are_where_pods_go(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Its nodes carry the labels of the request and of ``placement``; nodes of others do not."""
        asked = replace(request_, selector={**request_.selector, **SELECTOR})
        foreign = world.add_foreign()
        operation = Operation(driver, world, asked)
        if driver.nodes_are_brought or not can_be_had(operation, world):
            return
        own = {node.name for node in nodes_of(operation)}
        labelled = [machine for machine in world.truth() or () if machine.labels is not None]
        required = required_labels(operation.request, driver.placement(operation.request))
        for machine in labelled:
            missing = {name: value for name, value in required.items() if (machine.labels or {}).get(name) != value}
            if machine.name in own:
                assert not missing, f"its node {machine.name} lacks {missing}: no pod of the Workspace lands there"
            elif machine.name == foreign:
                assert missing, f"placement lets pods land on {foreign}, which somebody else made"

    def test_workspaces_have_places_of_their_own(self, driver: Provisioner, request_: NodeRequest) -> None:
        """A placement of its own differs between two Workspaces: else pods land on nodes bought for somebody else."""
        asked = replace(request_, selector=SELECTOR)
        one, other = driver.placement(asked), driver.placement(replace(asked, workspace="other"))
        if type(driver).placement is Provisioner.placement or driver.nodes_are_brought:
            return
        assert one.selector != other.selector, "placement is the same for two Workspaces: give it a label of its own"
        elsewhere = driver.placement(replace(asked, namespace="other")).selector
        assert one.selector != elsewhere, "placement is the same in two namespaces: give it a label of its own"

    def test_a_cluster_takes_its_placement(self, driver: Provisioner, request_: NodeRequest) -> None:
        """Tolerations have the keys and words of Kubernetes, and the GPU resource is a qualified name."""
        placement = driver.placement(request_)
        for each in placement.tolerations:
            strange = sorted({*each} - TOLERATION.keys())
            assert not strange, f"placement: a toleration has {', '.join(strange)}, which Kubernetes has not"
            for name, words in TOLERATION.items():
                value = each.get(name)
                assert value is None or not words or value in words, (
                    f"placement: the {name} of a toleration is {value!r}; Kubernetes has {', '.join(words)}"
                )
            assert each.get("key") or each.get("operator") == "Exists", "placement: a toleration without a key"
        resource = placement.gpu_resource
        qualified = "/" in resource and KEY.fullmatch(resource)
        assert qualified, f"placement: {resource!r} is no name of a GPU resource, as nvidia.com/gpu is"

    def test_a_cluster_takes_its_labels(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Labels of its placement and its nodes are such that a cluster takes, for the longest names too.

        A value has at most 63 characters: a namespace alone may have as many, and a Workspace 52.
        """
        for space, name in (("default", "demo"), (LONGEST_NAMESPACE, LONGEST_NAME)):
            asked = replace(request_, namespace=space, workspace=name)
            _assert_labels(driver.placement(asked).selector, "its placement")
            operation = Operation(driver, world, asked)
            if driver.nodes_are_brought or not can_be_had(operation, world):
                continue
            own = {node.name for node in nodes_of(operation)}
            for machine in world.truth() or ():
                if machine.name in own:
                    _assert_labels(machine.labels or {}, f"its node {machine.name}")

    def test_the_instance_type_is_asked_for(
        self, driver: Provisioner, world: World, request_: NodeRequest, other_type: InstanceType
    ) -> None:
        """Another instance type makes other actions: the one that was planned is the one that is bought."""
        first = request_.instance_type or make_instance_type(name="one-type")
        asked = [replace(request_, instance_type=kind, instance_type_name=kind.name) for kind in (first, other_type)]
        decisions = [driver.decide(each, driver.observe(each, seen(driver, world)), world.now) for each in asked]
        if not decisions[0].actions:
            return
        assert decisions[0].actions != decisions[1].actions, "decide: the actions are the same for two instance types"
        operation = Operation(driver, world, asked[0])
        operation.hold()
        kinds = {machine.name: machine.instance_type for machine in world.truth() or () if machine.instance_type}
        for node in nodes_of(operation):
            assert kinds.get(node.name, first.name) == first.name, f"act: bought {kinds[node.name]}, asked {first.name}"

    def test_secrets_stay_with_the_driver(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """No secret of the settings is in an action, a state or a message: those are logged and shown."""
        secrets = [
            value for name, value in driver.context.settings.items() if SECRET.search(name) and isinstance(value, str)
        ]
        operation = Operation(driver, world, request_)
        for decision in operation.passes():
            text = as_json(decision)
            assert not any(secret in text for secret in secrets), "decide: a secret of the settings is in a decision"
        assert not [secret for secret in secrets if secret in str(driver.placement(request_))]

    def test_decisions_are_alike_in_every_process(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """Another process decides the same from the same observation."""
        calls: dict[str, tuple[str, tuple[Any, ...]]] = {}
        for count in (3, 0):
            asked = replace(request_, count=count, selector={"a": "1", "b": "2", "c": "3"})
            observed = driver.observe(asked, seen(driver, world))
            calls[f"a request for {count}"] = ("decide", (asked, observed, world.now))
        assert_alike_in_every_process(driver, calls)

    def test_growing_keeps_what_is_there(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Where more machines are asked for, those that are held stay."""
        operation = Operation(driver, world, request_)
        first = operation.hold()
        operation.ask(count=request_.count + 1)
        if not can_be_had(operation, world):
            return
        assert first <= {node.name for node in nodes_of(operation)}, "decide: a machine that was held was given back"

    def test_figures_of_its_machines_can_be_true(self, driver: Provisioner) -> None:
        """Types of its own have the memory of one GPU, a price of its order, and a cloud."""
        faults = [f"{kind.name}: {fault}" for kind in driver.instance_types() for fault in machine_faults(kind)]
        faults += [f"{kind.name}: no cloud" for kind in driver.instance_types() if not kind.cloud]
        assert not faults, "\n".join(faults)


def _assert_labels(labels: Mapping[str, str], of: str) -> None:
    for name, value in labels.items():
        assert KEY.fullmatch(name), f"{of} has the label {name!r}, which no cluster takes"
        assert LABEL.fullmatch(value), (
            f"{of} has the label {name} with the value {value!r}, which no cluster takes: at most 63 characters of "
            "a-z, A-Z, 0-9, dots, dashes and underscores; cut a long one short by a digest"
        )


def _assert_awaited(outcome: object) -> None:
    if isinstance(outcome, Waiting):
        assert outcome.again_in is not None, (
            f"decide: Waiting ({outcome.reason}) without again_in, and watches names no kind: nobody looks again"
        )
        assert outcome.again_in <= LONGEST_WAIT_S, f"decide: Waiting for {outcome.again_in:g} s: machines come earlier"
