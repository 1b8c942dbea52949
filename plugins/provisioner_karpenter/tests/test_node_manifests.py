"""NodeClaims and NodePools as upstream writes them (KAITO v0.12), and names that are always fit."""

from __future__ import annotations

import re
from itertools import islice
from typing import Any

import pytest

from llmwright.errors import ConfigError
from llmwright.plugins.configuration import validate_settings
from llmwright.testing import make_instance_type
from llmwright.values.nodes import NodeRequest
from llmwright_provisioner_karpenter.config import KarpenterOptions, KarpenterSettings, NodeOptions, node_options
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_provisioner_karpenter.node_manifests import node_claim, node_pool
from llmwright_provisioner_karpenter.node_names import claim_names, pool_name

A10 = "Standard_NV36ads_A10_v5"


def ask(**changes: Any) -> NodeRequest:
    machine = make_instance_type(name=A10, cloud="azure", gpus=1)
    facts: dict[str, Any] = {"namespace": "ns1", "workspace": "ws1", "count": 1, "selector": {"apps": "x"}}
    facts |= {"instance_type": machine, "instance_type_name": A10, "disk_bytes": 300 * 2**30}
    return NodeRequest(**{**facts, **changes})


def within(key: str, value: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": [value]}


CLAIM: dict[str, Any] = {
    "apiVersion": "karpenter.sh/v1",
    "kind": "NodeClaim",
    "metadata": {
        "name": "ws123",
        "labels": {
            "apps": "x",
            "kaito.sh/workspace": "ws1",
            "kaito.sh/workspacenamespace": "ns1",
            "karpenter.sh/nodepool": "kaito",
        },
        "annotations": {"kaito.sh/node-image-family": "ubuntu", "karpenter.sh/do-not-disrupt": "true"},
    },
    "spec": {
        "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
        "requirements": [
            within("karpenter.sh/nodepool", "kaito"),
            within("node.kubernetes.io/instance-type", A10),
            within("kubernetes.io/os", "linux"),
            within("karpenter.azure.com/sku-name", A10),
        ],
        "resources": {"requests": {"storage": "300Gi"}},
        "nodeClassRef": {"kind": "KaitoNodeClass", "name": "default", "group": "kaito.sh"},
        "expireAfter": "Never",
    },
}


def options(request: NodeRequest, **settings: Any) -> NodeOptions:
    return node_options(request, KarpenterOptions.model_validate(request.config), KarpenterSettings(**settings))


def claim(request: NodeRequest, **settings: Any) -> dict[str, Any]:
    return node_claim(request, options(request, **settings), "ws123")


def test_a_claim_for_gpu_provisioner_is_upstreams() -> None:
    assert claim(ask()) == CLAIM


def test_a_claim_on_aws_is_upstreams_with_the_capacity_type() -> None:
    request = ask(instance_type=make_instance_type(name="g5.xlarge", cloud="aws"), instance_type_name="g5.xlarge")
    spec = claim(request)["spec"]
    assert spec["nodeClassRef"] == {"group": "karpenter.k8s.aws", "kind": "EC2NodeClass", "name": "default"}
    assert spec["requirements"] == [
        within("karpenter.sh/nodepool", "kaito"),
        within("node.kubernetes.io/instance-type", "g5.xlarge"),
        within("kubernetes.io/os", "linux"),
        {"key": "karpenter.k8s.aws/instance-gpu-count", "operator": "Gt", "values": ["0"]},
        within("karpenter.sh/capacity-type", "on-demand"),
    ]
    assert claim(request, capacityType="any")["spec"]["requirements"] == spec["requirements"][:-1]


def test_a_pool_holds_as_many_as_are_asked_for() -> None:
    request = ask(config={"mode": "nodepool"})
    owner = {
        "karpenter.kaito.sh/managed-by": "kaito",
        "karpenter.kaito.sh/workspace-name": "ws1",
        "karpenter.kaito.sh/workspace-namespace": "ns1",
    }
    assert node_pool(request, options(request), 2) == {
        "apiVersion": "karpenter.sh/v1",
        "kind": "NodePool",
        "metadata": {"name": "ns1-ws1", "labels": owner},
        "spec": {
            "replicas": 2,
            "template": {
                "metadata": {"labels": {"apps": "x", **owner}},
                "spec": {
                    "nodeClassRef": {"group": "karpenter.azure.com", "kind": "AKSNodeClass", "name": "default"},
                    "taints": [{"key": "sku", "value": "gpu", "effect": "NoSchedule"}],
                    "requirements": [
                        within("node.kubernetes.io/instance-type", A10),
                        within("karpenter.sh/capacity-type", "on-demand"),
                        within("karpenter.azure.com/placement-scope", "regional"),
                    ],
                    "expireAfter": "Never",
                },
            },
            "disruption": {"consolidateAfter": "0s", "budgets": [{"nodes": "1", "reasons": ["Drifted"]}]},
        },
    }


def test_what_a_workspace_says_wins() -> None:
    own = {"group": "karpenter.kwok.sh", "kind": "KWOKNodeClass", "name": "mine"}
    request = ask(
        config={"capacityType": "spot", "nodeClassRef": own}, annotations={"kaito.sh/node-image-family": "azurelinux"}
    )
    found = claim(request, capacityType="reserved", nodeImageFamily="ubuntu")
    assert found["spec"]["nodeClassRef"] == own
    assert within("karpenter.sh/capacity-type", "spot") in found["spec"]["requirements"]
    assert found["metadata"]["annotations"]["kaito.sh/node-image-family"] == "azurelinux"


def test_the_disk_is_never_too_small() -> None:
    assert claim(ask(disk_bytes=0))["spec"]["resources"]["requests"]["storage"] == "1024Gi"
    assert claim(ask(disk_bytes=2**30 + 1))["spec"]["resources"]["requests"]["storage"] == "2Gi"


def test_a_user_cannot_take_anothers_machines_by_labels() -> None:
    theirs = {"kaito.sh/workspace": "other", "karpenter.kaito.sh/workspace-name": "other", "apps": "x"}
    assert claim(ask(selector=theirs))["metadata"]["labels"] == CLAIM["metadata"]["labels"]


def test_the_mode_once_taken_is_kept() -> None:
    assert options(ask(state={"mode": "nodepool"}), mode="nodeclaim").mode == "nodepool"
    assert options(ask(state={"mode": "odd"}), mode="nodepool").mode == "nodepool"


def test_names_of_claims_fit_agent_pools_and_never_change() -> None:
    names = [*islice(claim_names("ns", "a.workspace.with-a-long-name" * 5), 50)]
    assert len(set(names)) == 50
    assert all(re.fullmatch(r"[a-z][a-z0-9]{0,11}", name) for name in names)
    assert [*islice(claim_names("default", "ws"), 2)] == ["wsd694f134a", "wsc7fd97a30"]


@pytest.mark.parametrize(
    ("namespace", "workspace", "expected"),
    [
        ("default", "workspace-phi-4", "default-workspace-phi-4"),
        ("default", "a.b", "default-a-b-[0-9a-f]{9}"),
        ("team-a", "ws", "team-a-ws-[0-9a-f]{9}"),
        ("n" * 30, "w" * 32, "n{30}-w{32}"),
        ("n" * 30, "w" * 33, "n{30}-w{22}-[0-9a-f]{9}"),
        ("n" * 63, "w" * 63, "n{53}-[0-9a-f]{9}"),
    ],
)
def test_names_of_pools_are_labels(namespace: str, workspace: str, expected: str) -> None:
    name = pool_name(namespace, workspace)
    assert re.fullmatch(expected, name), name
    assert re.fullmatch(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?", name)
    assert len(name) <= 63


def test_no_two_workspaces_share_a_pool() -> None:
    pairs = [("a", "b-c"), ("a-b", "c"), ("a", "b.c"), ("a", "b-" + "c" * 70), ("a", "b-" + "c" * 71)]
    assert len({pool_name(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize(
    ("given", "where"),
    [
        ({"mode": "both"}, "plugins.provisioner.karpenter.mode"),
        ({"nodeClassRef": {"group": ""}}, "plugins.provisioner.karpenter.nodeClassRef"),
        ({"nodeClassRef": {"group": "g.x", "kind": "K", "name": "A b"}}, r"karpenter\.nodeClassRef\.name"),
        ({"nodeClassRef": {"group": "x y", "kind": "K"}}, r"karpenter\.nodeClassRef\.group"),
        ({"nodeClassRef": {"group": "g.x", "kind": "a kind"}}, r"karpenter\.nodeClassRef\.kind"),
        ({"cluod": "aws"}, r"karpenter\.cluod: unknown option \(did you mean 'cloud'\?\)"),
    ],
)
def test_settings_that_cannot_be_used_are_named(given: dict[str, Any], where: str) -> None:
    with pytest.raises(ConfigError, match=where):
        validate_settings("plugins.provisioner.karpenter", KarpenterProvisioner, given)
