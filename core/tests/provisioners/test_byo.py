"""The provisioner ``byo``: which nodes will do, and what it says is missing."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.provisioners.byo import ByoProvisioner
from llmwright.testing import Machine, ProvisionerContract, World, make_context, make_instance_type
from llmwright.testing.presets import NOW
from llmwright.testing.snapshot import ObjectSnapshot
from llmwright.values.nodes import NodeRequest, Outcome, Ready, Waiting

A100 = {
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/gpu.count": "2",
    "nvidia.com/gpu.memory": "81920",
}
NO_GPU = {"nvidia.com/gpu.present": "false"}
SKU = "node.kubernetes.io/instance-type"


def node(
    name: str = "n1",
    *,
    ready: bool = True,
    pressure: str = "",
    labels: dict[str, str] | None = None,
    offers: dict[str, str] | None = None,
) -> Any:
    conditions = [{"type": "Ready", "status": "True" if ready else "False"}]
    conditions += [{"type": pressure, "status": "True"}] if pressure else []
    return {
        "metadata": {"name": name, "labels": {"apps": "x", **A100, **(labels or {})}},
        "status": {"conditions": conditions, "allocatable": offers or {}},
    }


def without_labels(found: Any, *labels: str) -> Any:
    kept = {key: value for key, value in found["metadata"]["labels"].items() if key not in labels}
    return {**found, "metadata": {**found["metadata"], "labels": kept}}


def typed(found: Any, name: str) -> Any:
    return {**found, "metadata": {**found["metadata"], "labels": {**found["metadata"]["labels"], SKU: name}}}


def ask(**changes: Any) -> NodeRequest:
    return NodeRequest(**{"namespace": "ns1", "workspace": "ws1", "count": 1, "selector": {"apps": "x"}, **changes})


def outcome(request: NodeRequest, *nodes: Any) -> Outcome:
    driver = ByoProvisioner(make_context())
    snapshot = ObjectSnapshot(driver.watches(), {("", "nodes"): nodes})
    return driver.decide(request, driver.observe(request, snapshot), NOW).outcome


class Cluster(World):
    """Two nodes that somebody brought; a third is somebody else's."""

    def __init__(self) -> None:
        super().__init__()
        self.nodes = {"n1": node("n1"), "n2": node("n2")}

    def snapshot(self) -> ObjectSnapshot:
        return ObjectSnapshot((), {("", "nodes"): [*self.nodes.values()]})

    def truth(self) -> list[Machine]:
        return [Machine(name=name, labels=each["metadata"]["labels"]) for name, each in self.nodes.items()]

    def lose(self, name: str) -> bool:
        return self.nodes.pop(name, None) is not None

    def add_foreign(self) -> str:
        self.nodes["foreign"] = node("foreign", labels={"apps": "of-somebody-else"})
        return "foreign"


class TestByo(ProvisionerContract):
    @pytest.fixture
    def driver(self) -> ByoProvisioner:
        return ByoProvisioner(make_context())

    @pytest.fixture
    def world(self) -> World:
        return Cluster()

    @pytest.fixture
    def request_(self, options: dict[str, Any]) -> NodeRequest:
        return ask(config=options)


def test_the_labels_of_a_ready_node_tell_its_gpus() -> None:
    found = outcome(ask(), node())
    assert isinstance(found, Ready)
    machine = found.nodes[0].instance_type
    assert machine is not None
    assert (machine.gpus, machine.gpu_memory_bytes) == (2, 80 * 2**30)


WAITING = {
    "no node at all": (ask(), [], "NoMatchingNode", "apps=x"),
    "other labels": (ask(selector={"apps": "y"}), [node()], "NoMatchingNode", "apps=y"),
    "too few": (ask(count=2), [node()], "NotEnoughNodes", "1 of 2 nodes are ready: only 1 match"),
    "one is not ready": (ask(count=2), [node(), node("n2", ready=False)], "NodeNotReady", "n2 is not ready"),
    "full disk": (ask(), [node(ready=False, pressure="DiskPressure")], "NodeNotReady", "not ready (DiskPressure)"),
    "no GPU labels": (
        ask(), [without_labels(node(), "nvidia.com/gpu.memory")], "NoGpuLabels", "n1 has no label nvidia.com/gpu.memory"
    ),
    "odd GPU labels": (ask(), [node(labels={"nvidia.com/gpu.count": "two"})], "BadGpuLabels", "'two'"),
    "no GPU at all": (
        ask(instance_type=make_instance_type(gpus=1)), [node(labels=NO_GPU)], "NoGpu", "n1 has no GPU: its label"
    ),
    "another type": (
        ask(instance_type_name="Standard_NC24ads_A100_v4"), [typed(node(), "Standard_NC6s_v3")], "WrongInstanceType",
        "n1 is no Standard_NC24ads_A100_v4: label node.kubernetes.io/instance-type is Standard_NC6s_v3",
    ),
    "no type": (ask(instance_type_name="g5.xlarge"), [node()], "WrongInstanceType", "no label node.kubernetes.io"),
    "share too large": (
        ask(partition={"mode": "accelerator", "count": 4}), [node()], "NotEnoughGpus", "n1 has 2 GPUs, 4 are asked for"
    ),
    "no slices": (
        ask(partition={"mode": "mig", "profile": "1g.10gb"}), [node()], "NoMigSlice", "n1 offers no MIG slice 1g.10gb"
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", WAITING)
def test_what_is_missing_is_named(case: str) -> None:
    request, nodes, reason, text = WAITING[case]
    found = outcome(request, *nodes)
    assert isinstance(found, Waiting)
    assert (found.reason, found.again_in) == (reason, None)
    assert text in found.message


def test_many_that_do_not_fit_are_counted() -> None:
    found = outcome(ask(), *(node(f"n{index}", ready=False) for index in range(9)))
    assert isinstance(found, Waiting)
    assert found.message.endswith("n4 is not ready; and 4 more")


@pytest.mark.parametrize(
    ("request_", "found"),
    [
        (ask(instance_type_name="Standard_NC48ads_A100_v4"), typed(node(), "Standard_NC48ads_A100_v4")),
        (ask(partition={"mode": "accelerator", "count": 1}), node()),
        (ask(partition={"mode": "mig", "profile": "1g.10gb"}), node(offers={"nvidia.com/mig-1g.10gb": "7"})),
        (ask(instance_type=make_instance_type()), without_labels(node(), *A100)),
        (ask(), node(labels=NO_GPU)),
        (
            ask(instance_type_name="sku", instance_type=make_instance_type(gpus=2)),
            typed(without_labels(node(offers={"nvidia.com/gpu": "2"}), *A100), "sku"),
        ),
        (ask(selector={"apps": "x", "kaito.sh/workspace": "other"}), node()),
    ],
    ids=[
        "type",
        "whole GPUs",
        "slice",
        "no GPU needed",
        "no GPU there, and nobody said what is needed",
        "GPUs known by name",
        "labels of provisioners count for nothing",
    ],
)
def test_what_will_do(request_: NodeRequest, found: Any) -> None:
    assert isinstance(outcome(request_, found), Ready)


def test_two_workspaces_share_a_node() -> None:
    half = {"mode": "accelerator", "count": 1}
    shared = node()
    first, second = (outcome(ask(workspace=name, partition=half), shared) for name in ("one", "two"))
    assert first == second
    assert isinstance(first, Ready)


def test_nodes_under_pressure_come_last_and_are_named() -> None:
    nodes = [node("n1", pressure="DiskPressure"), node("n2"), node("n3")]
    best, all_ = outcome(ask(count=2), *nodes), outcome(ask(count=3), *nodes)
    assert isinstance(best, Ready)
    assert isinstance(all_, Ready)
    assert [each.name for each in best.nodes] == ["n2", "n3"]
    assert [each.pressure for each in all_.nodes] == [("DiskPressure",), (), ()]


def test_nodes_with_pods_of_the_workspace_are_its_nodes() -> None:
    found = outcome(ask(count=1, occupied=frozenset(("n2",))), node("n1"), node("n2", pressure="DiskPressure"))
    assert isinstance(found, Ready)
    assert [each.name for each in found.nodes] == ["n2"]


def test_slices_are_asked_for_by_their_profile() -> None:
    driver = ByoProvisioner(make_context())
    assert driver.placement(ask()).gpu_resource == "nvidia.com/gpu"
    mig = ask(partition={"mode": "mig", "profile": "3g.20gb"})
    assert driver.placement(mig).gpu_resource == "nvidia.com/mig-3g.20gb"
