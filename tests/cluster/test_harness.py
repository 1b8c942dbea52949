"""The harness gives what it says."""

from __future__ import annotations

import pytest
from tests.cluster.support.harness import Karpenter
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster


def test_the_control_plane_takes_objects(control_plane: Cluster) -> None:
    labels = {"harness": "test"}
    control_plane.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "harness", "labels": labels}})
    assert [found["metadata"]["name"] for found in control_plane.get("namespaces", "-lharness=test")] == ["harness"]
    control_plane.kubectl("delete", "namespace", "harness")


def test_karpenter_makes_a_node_for_a_claim(karpenter: Karpenter) -> None:
    claim = {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodeClaim",
        "metadata": {"name": "harness", "labels": {"karpenter.sh/nodepool": "kaito", "harness": "test"}},
        "spec": {
            "nodeClassRef": {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "default"},
            "requirements": [
                {"key": "node.kubernetes.io/instance-type", "operator": "In", "values": ["Standard_NC4as_T4_v3"]},
                {"key": "karpenter.sh/capacity-type", "operator": "In", "values": ["on-demand"]},
            ],
        },
    }
    karpenter.plane.apply(claim)
    karpenter.plane.kubectl("wait", "--for=condition=Ready", "nodeclaim/harness", "--timeout=60s")
    (node,) = karpenter.plane.get("nodes", "-lharness=test")
    assert node["status"]["allocatable"]["nvidia.com/gpu"] == "1"
    karpenter.plane.kubectl("delete", "nodeclaim", "harness")
    wait_until(lambda: not karpenter.plane.get("nodes", "-lharness=test"), "the node goes with its claim")
