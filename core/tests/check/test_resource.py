"""Machines, nodes that are brought, partitions and limits."""

from __future__ import annotations

from typing import Any

import pytest
from core.tests.check.support.verdicts import BYO, GPU, errors, node, warnings
from tests.support.checking import SERVE, TUNE, Check, edit

from llmwright.check import NodeFacts
from llmwright.values.feature_gates import FeatureGates


def test_old_and_untabled_types_warn(check: Check) -> None:
    problems = check(edit(SERVE, {"resource.instanceType": "Standard_NC6s_v3"}))
    assert warnings(problems) == {"resource.instanceType": "Retired"}
    assert "Standard_NC24ads_A100_v4" in problems[0].hint
    assert warnings(check(edit(SERVE, {"resource.instanceType": "Standard_Nnew"}))) == {
        "resource.instanceType": "UnknownFigures"
    }
    aws = check(edit(SERVE, {"resource.instanceType": "Standard_Nnew"}), cloud="aws")
    assert errors(aws) == {"resource.instanceType": "UnknownInstanceType"}


def test_memory_is_judged_where_upstream_does(check: Check) -> None:
    large = {"inference.preset.name": "large"}
    hf = {**large, "metadata.annotations[kaito.sh/runtime]": "transformers"}
    assert errors(check(edit(SERVE, large))) == {}
    assert errors(check(edit(SERVE, {**large, "apiVersion": "kaito.sh/v1alpha1"}))) == {
        "resource.instanceType": "InsufficientMemory"
    }
    reasons = {problem.reason for problem in check(edit(SERVE, hf))}
    assert reasons == {"InsufficientMemory", "NotSupported"}
    bypass = check(edit(SERVE, {**hf, "metadata.annotations[kaito.sh/bypass-resource-checks]": "x"}))
    assert {problem.reason: problem.severity for problem in bypass} == {
        "InsufficientMemory": "warning",
        "NotSupported": "error",
    }


@pytest.mark.parametrize(
    ("asked", "instead"),
    [
        ({"inference.runtime": "hf"}, "write runtime: ray or vllm"),
        (
            {"inference.runtime": "ray", "inference.runtimeConfig": {"engine": "hf"}},
            "write runtimeConfig.engine: vllm, or write runtime: vllm",
        ),
    ],
)
def test_who_serves_one_model_from_several_nodes_is_named(check: Check, asked: dict[str, Any], instead: str) -> None:
    problems = check(edit(SERVE, {"inference.preset.name": "large", **asked}))
    (alone,) = (problem for problem in problems if problem.reason == "NotSupported")
    assert alone.hint == f"take a larger type, or {instead}"


BROUGHT = edit(SERVE, {"resource.instanceType": ...})


@pytest.mark.parametrize(
    ("nodes", "reasons"),
    [
        ([], {"NoNodes"}),
        ([NodeFacts("other", {"apps": "other", **GPU})], {"NoNodes"}),
        ([node("a")], set()),
        ([node("a"), node("b", nvidia_com="x")], set()),
        ([NodeFacts("a", {"apps": "ws"})], {"NoGpuLabels"}),
        ([NodeFacts("a", {"apps": "ws", **GPU, "nvidia.com/gpu.count": "one"})], {"BadGpuLabels"}),
        ([NodeFacts("a", {"apps": "ws", **GPU, "nvidia.com/gpu.memory": "80GB"})], {"BadGpuLabels"}),
        ([node("a"), NodeFacts("b", {"apps": "ws", **GPU, "nvidia.com/gpu.product": "H100"})], {"UnlikeNodes"}),
        ([node("a"), NodeFacts("b", {"apps": "ws", **GPU, "nvidia.com/gpu.memory": "40960"})], {"UnlikeNodes"}),
        ([NodeFacts("a", {"apps": "ws", **GPU, "nvidia.com/gpu.memory": "4096"})], {"InsufficientMemory"}),
    ],
)
def test_nodes_that_are_brought(check: Check, nodes: list[NodeFacts], reasons: set[str]) -> None:
    problems = check(BROUGHT, gates=BYO, nodes=tuple(nodes))
    assert {problem.reason for problem in problems} == reasons


def test_the_instance_type_stays_out_where_nodes_are_brought(check: Check) -> None:
    problems = check(SERVE, gates=BYO, nodes=(node("a"),))
    assert errors(problems) == {"resource.instanceType": "NotAllowed"}
    assert errors(check(edit(BROUGHT, {"resource.provisioner": "byo"}))) == {}
    assert errors(check(edit(SERVE, {"resource.provisioner": "byo"}))) == {}


@pytest.mark.parametrize(
    ("partition", "expected"),
    [
        ({"mode": "mig", "profile": "1g.10gb"}, {}),
        ({"mode": "mig", "profile": "1g.5gb"}, {"resource.partition": "InsufficientMemory"}),
        ({"mode": "mig", "profile": "small"}, {"resource.partition.profile": "UnknownMigProfile"}),
        ({"mode": "mig", "profile": "1g.10gb", "count": 1}, {"resource.partition.count": "NotAllowed"}),
        ({"mode": "accelerator", "count": 2}, {}),
        ({"mode": "accelerator"}, {"resource.partition.count": "Required"}),
        ({"mode": "accelerator", "count": 1, "profile": "1g.10gb"}, {"resource.partition.profile": "NotAllowed"}),
    ],
)
def test_partitions(check: Check, partition: dict[str, Any], expected: dict[str, str]) -> None:
    problems = check(edit(BROUGHT, {"resource.partition": partition}), gates=BYO, nodes=())
    assert errors(problems) == expected


def test_partitions_are_for_serving_on_brought_nodes(check: Check) -> None:
    share = {"resource.partition": {"mode": "accelerator", "count": 1}}
    assert errors(check(edit(TUNE, share))) == {"resource.partition": "NotSupported"}
    problems = check(edit(SERVE, share), gates=FeatureGates({"enableAccelerator": True}))
    assert errors(problems) == {"resource.partition": "NotAllowed"}


def test_node_classes_and_streaming(check: Check) -> None:
    path = 'metadata.annotations["kaito.sh/node-class-name"]'
    odd = edit(SERVE, {"metadata.annotations[kaito.sh/node-class-name]": "odd"})
    known = {"node_classes": ("standard",)}
    assert errors(check(odd, provisioner="karpenter", **known)) == {path: "NotSupported"}
    assert errors(check(odd, provisioner="byo", **known)) == {}
    assert errors(check(odd, old=odd, provisioner="karpenter", **known)) == {}
    assert errors(check(odd, old=SERVE, provisioner="karpenter", **known)) == {path: "NotSupported"}
    impossible = edit(SERVE, {"metadata.annotations[kaito.sh/node-class-name]": "Bad Name!"})
    assert errors(check(impossible, provisioner="karpenter")) == {path: "Unworkable"}
    assert errors(check(impossible, provisioner="byo")) == {}
    gates = FeatureGates({"ModelStreaming": True})
    assert errors(check(SERVE, gates=gates, csi_drivers=frozenset())) == {"metadata.annotations": "NotFound"}
    assert errors(check(SERVE, gates=gates, csi_drivers=frozenset({"blob.csi.azure.com"}))) == {}
    off = edit(SERVE, {"metadata.annotations[kaito.sh/model-streaming]": "disabled"})
    assert errors(check(off, gates=gates, csi_drivers=frozenset())) == {}


def test_limits_of_the_namespace(check: Check) -> None:
    problems = check(edit(SERVE, {"resource.count": 3}), allowed_instance_types=("Other",), allowed_nodes=2)
    assert errors(problems) == {"resource.instanceType": "LimitExceeded", "resource.count": "LimitExceeded"}
    allowed = check(SERVE, allowed_instance_types=("standard_nc24ads_a100_v4",), allowed_nodes=1)
    assert errors(allowed) == {}
