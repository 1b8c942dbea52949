"""The Services: ports, load balancers, selectors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.tests.targets.kubernetes.support.rendered import INFERENCE, NODES, SERVER, serving

from llmwright.targets.kubernetes.manifests import Manifest

BALANCED = {"annotations": {"kaito.sh/enablelb": "True"}}
WITH_EVENTS = replace(SERVER, ports={"http": 5000, "kv-events": 5557})


def ports(service: Manifest) -> dict[str, tuple[int, int]]:
    return {port["name"]: (port["port"], port["targetPort"]) for port in service["spec"]["ports"]}


def test_the_endpoint_has_kaito_s_ports_and_torch_s() -> None:
    endpoint, headless, _ = serving(WITH_EVENTS)
    assert ports(endpoint) == {
        "http": (80, 5000), "ray": (6379, 6379), "dashboard": (8265, 8265), "torch": (29500, 29500),
        "kv-events": (5557, 5557),
    }  # fmt: skip
    assert endpoint["spec"]["selector"]["statefulset.kubernetes.io/pod-name"] == "ws-0"
    assert headless["spec"]["clusterIP"] == "None"
    assert "kv-events" not in ports(serving()[0])


@pytest.mark.parametrize("cloud", ["azure", "aws", "gcp"])
def test_a_load_balancer_is_internal_unless_a_setting_makes_it_public(cloud: str) -> None:
    internal = serving(WITH_EVENTS, settings={"cloud": cloud}, metadata=BALANCED)[0]
    assert internal["spec"]["type"] == "LoadBalancer"
    assert internal["metadata"]["annotations"]
    assert "kv-events" not in ports(internal)
    settings = {"cloud": cloud, "endpoints": {"public": True}}
    public = serving(WITH_EVENTS, settings=settings, metadata=BALANCED)[0]
    assert "annotations" not in public["metadata"]
    assert ports(public) == {"http": (80, 5000)}


def test_enablelb_is_read_in_kaito_s_exact_letters() -> None:
    endpoint = serving(metadata={"annotations": {"kaito.sh/enablelb": "true"}})[0]
    assert endpoint["spec"]["type"] == "ClusterIP"


def test_all_replicas_answer() -> None:
    endpoint = serving(SERVER, replace(NODES, count=3), inference={**INFERENCE, "replicas": 3})[0]
    assert endpoint["spec"]["selector"] == {"kaito.sh/workspace": "ws"}
