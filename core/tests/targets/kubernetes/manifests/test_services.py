"""The Services: ports, load balancers, selectors."""

from __future__ import annotations

from dataclasses import replace

import pytest
from core.tests.targets.kubernetes.support.rendered import INFERENCE, NODES, SERVER, TUNING, render_input, serving

from llmwright.targets.kubernetes.manifests import Manifest, serving_objects, template_objects
from llmwright.values.launch import Ranks

BALANCED = {"annotations": {"kaito.sh/enablelb": "True"}}
FIRST = {"statefulset.kubernetes.io/pod-name": "ws-0"}
GROUP = replace(SERVER, ranks=Ranks(count=2, leader=("lead",), worker=("work",), rendezvous_port=6379))
WITH_EVENTS = replace(SERVER, ports={"http": 5000, "kv-events": 5557})


def ports(service: Manifest) -> dict[str, tuple[int, int]]:
    return {port["name"]: (port["port"], port["targetPort"]) for port in service["spec"]["ports"]}


def test_the_endpoint_has_kaito_s_ports_and_torch_s() -> None:
    endpoint, headless, _ = serving(WITH_EVENTS)
    assert ports(endpoint) == {
        "http": (80, 5000), "ray": (6379, 6379), "dashboard": (8265, 8265), "torch": (29500, 29500),
        "kv-events": (5557, 5557),
    }  # fmt: skip
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


@pytest.mark.parametrize("replicas", [None, 1, 3])
def test_all_replicas_answer_whoever_scales_them(replicas: int | None) -> None:
    wanted = INFERENCE if replicas is None else {**INFERENCE, "replicas": replicas}
    endpoint = serving(SERVER, replace(NODES, count=replicas or 1), inference=wanted)[0]
    assert endpoint["spec"]["selector"] == {"kaito.sh/workspace": "ws"}


def test_a_group_answers_on_its_first_pod() -> None:
    endpoint = serving(GROUP, replace(NODES, count=2))[0]
    assert endpoint["spec"]["selector"] == {"kaito.sh/workspace": "ws", **FIRST}


def test_a_tuned_model_s_service_never_leads_to_the_pod_that_tunes() -> None:
    endpoint = serving_objects(render_input(tuning=TUNING), SERVER, NODES)[0]
    assert endpoint["spec"]["selector"] == {"kaito.sh/workspace": "ws", **FIRST}


def test_only_pods_of_a_group_are_found_before_they_are_ready() -> None:
    for launch in (SERVER, GROUP):
        endpoint, headless, _ = serving(launch)
        assert "publishNotReadyAddresses" not in endpoint["spec"]
        assert headless["spec"].get("publishNotReadyAddresses") == (True if launch is GROUP else None)


@pytest.mark.parametrize(("nodes", "replicas", "grouped"), [(1, None, False), (2, None, True), (2, 2, False)])
def test_several_pods_of_a_template_may_be_a_group(nodes: int, replicas: int | None, grouped: bool) -> None:
    inference = {"template": {"spec": {"containers": []}}, **({"replicas": replicas} if replicas else {})}
    endpoint, headless, _ = template_objects(render_input(inference=inference), nodes)
    assert ("publishNotReadyAddresses" in headless["spec"]) is grouped
    assert (FIRST.items() <= endpoint["spec"]["selector"].items()) is grouped
