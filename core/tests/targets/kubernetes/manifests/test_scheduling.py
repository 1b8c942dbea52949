"""Where pods run: GPUs, affinity, tolerations."""

from __future__ import annotations

from dataclasses import replace

from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, container, pod, serving

from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.values.nodes import Placement


def test_a_mig_slice_is_requested_and_tolerated() -> None:
    objects = serving(resource={"partition": {"mode": "mig", "profile": "1g.10gb"}})
    assert container(objects)["resources"]["limits"] == {"nvidia.com/mig-1g.10gb": "2"}
    taint = {"key": "nvidia.com/mig-1g.10gb", "operator": "Exists", "effect": "NoSchedule"}
    assert taint in pod(objects)["tolerations"]


def test_only_azure_has_its_spot_taint() -> None:
    azure, aws = (
        {toleration["key"] for toleration in pod(serving(settings={"cloud": cloud}))["tolerations"]}
        for cloud in ("azure", "aws")
    )
    assert azure - aws == {"kubernetes.azure.com/scalesetpriority"}


def required(objects: Manifests) -> dict[str, str]:
    """The node labels that the pod requires."""
    node = pod(objects).get("affinity", {}).get("nodeAffinity", {})
    terms = node.get("requiredDuringSchedulingIgnoredDuringExecution", {"nodeSelectorTerms": [{}]})
    expressions = terms["nodeSelectorTerms"][0].get("matchExpressions", [])
    return {expression["key"]: expression["values"][0] for expression in expressions}


def test_pods_go_to_the_nodes_of_user_and_provisioner() -> None:
    placed = Placement(selector={"apps": "x", "kaito.sh/workspace": "ws"}, runtime_class="nvidia")
    objects = serving(placement=placed)
    assert required(objects) == {"apps": "x", "kaito.sh/workspace": "ws"}
    assert pod(objects)["runtimeClassName"] == "nvidia"


def test_reserved_labels_of_the_user_are_left_out() -> None:
    nodes = replace(NODES, selector={"kaito.sh/workspace": "other"})
    assert "affinity" not in pod(serving(SERVER, nodes, placement=Placement(selector=nodes.selector)))
