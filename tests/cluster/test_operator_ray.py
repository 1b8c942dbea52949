"""The runtime ``ray`` on a real API server: KubeRay's own operator makes a cluster of the RayService that we render."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.kuberay import KubeRay, running_kuberay
from tests.cluster.support.operating import BUYING, SETTINGS, Shift
from tests.cluster.support.workspaces import BUYER, CLAIMS, INSTANCE_TYPE, Workspaces
from tests.cluster.test_manifests import SCENARIOS, dry_run
from tests.support.kaito_facts import MANIFESTS
from tests.support.waiting import wait_until

from llmwright import render
from llmwright.app.cluster_doctor import ClusterExamination
from llmwright.app.session import Session
from llmwright.errors import LLMwrightError
from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

SERVED = ("engine", "adapters", "slice", "load balancer")
"""The scenarios that this runtime can serve."""
MIG = {**SETTINGS, "featureGates": {"enableMIG": True}}
GOLDENS = json.loads(MANIFESTS.read_text()) if MANIFESTS.is_file() else {}
"""KAITO's own scenarios, where they lie beside this checkout."""
PATIENCE_S = 240.0
HEAD = {"ray.io/node-type": "head"}
BEYOND = {"template_inference": "a template is the whole pod, and no runtime serves it"}
"""Scenarios that this runtime does not serve, with words of the refusal that names the alternative."""


@pytest.fixture(scope="module")
def settings() -> Object:
    """An operator that buys machines for who brings none."""
    return BUYING


@pytest.fixture(scope="module")
def kuberay(plane: Cluster, assets: Path, shift: Shift) -> Iterator[KubeRay]:
    with running_kuberay(plane, assets, shift) as started:
        yield started


def served_by_ray(workspaces: Workspaces, name: str) -> Object:
    """A Workspace for that runtime, with a node."""
    workspaces.node(f"{name}-node", name)
    wanted = workspaces.inference(name, provisioner="byo")
    wanted["inference"]["runtime"] = "ray"
    return wanted


def patch(workspaces: Workspaces, name: str, inference: Object) -> None:
    text = json.dumps({"inference": inference})
    workspaces.plane.kubectl("patch", "workspace", name, "--type=merge", "-p", text)


def test_without_kuberay_nothing_is_bought_and_the_status_says_what_to_install(workspaces: Workspaces) -> None:
    workspaces.apply(served_by_ray(workspaces, "bare"))
    workspaces.until("bare", "ResourceReady", "False", "KindNotServed")
    message = workspaces.told("bare", "Ready")["message"]
    assert "rayservices.ray.io (install KubeRay" in message
    assert "helm install" in message
    assert "plan" not in workspaces.get("bare")["status"]
    cluster = ClusterExamination(Session(kubeconfig=str(workspaces.plane.kubeconfig)))
    findings = {each.about: each for each in cluster.findings()}
    finding = findings["objects of runtime ray"]
    assert (finding.state, finding.message) == ("unchecked", "the cluster does not serve rayservices.ray.io")
    assert "install KubeRay" in finding.hint


def test_a_workspace_becomes_a_ray_cluster_that_follows_it(
    kuberay: KubeRay, workspaces: Workspaces, strict: None
) -> None:
    workspaces.apply(served_by_ray(workspaces, "rays"))
    (worker,) = wait_until(lambda: kuberay.workers("rays"), "KubeRay makes a worker")
    (head,) = kuberay.all("pod", "rays", **HEAD)
    started = head["spec"]["containers"][0]["args"][0]
    assert "ray start --head" in started
    assert "--num-gpus=0" in started
    assert "ray start" in worker["spec"]["containers"][0]["args"][0]
    limits = worker["spec"]["containers"][0]["resources"]["limits"]
    assert limits.keys() == {"nvidia.com/gpu", "cpu", "memory"}
    assert limits["nvidia.com/gpu"] == "1"
    assert worker["spec"]["securityContext"]["runAsUser"] == 1000
    wait_until(lambda: is_running(workspaces, head) and is_running(workspaces, worker), "both run on the one node")
    workspaces.until("rays", "InferenceReady", "False", "RayApplicationPending")
    assert workspaces.events("rays", type="Warning") == [], "a start is no trouble"
    wait_until(lambda: endpoints(workspaces, "rays") == [name_of(worker)], "the Service leads to the worker alone")

    workspaces.node("rays-more", "rays")
    patch(workspaces, "rays", {"replicas": 2})
    wait_until(lambda: len(kuberay.workers("rays")) == 2, "a second worker")
    assert name_of(worker) in map(name_of, kuberay.workers("rays")), "the first goes on"
    patch(workspaces, "rays", {"replicas": 1})
    wait_until(lambda: len(kuberay.workers("rays")) == 1, "one goes")
    (service,) = kuberay.all("rayservice", "rays")
    assert len(kuberay.all("raycluster", "rays")) == 1, "all of it in one cluster"

    patch(workspaces, "rays", {"replicas": 0})
    wait_until(lambda: not kuberay.all("pod", "rays"), "no pod is left, also no head")
    workspaces.until("rays", "Ready", "True", "ScaledToZero")
    patch(workspaces, "rays", {"replicas": 1})
    wait_until(lambda: len(kuberay.all("pod", "rays")) == 2, "a head and a worker again")
    assert len(kuberay.all("raycluster", "rays")) == 1, "the same cluster"

    patch(workspaces, "rays", {"runtimeConfig": {"maxOngoingRequests": 9}})
    wait_until(
        lambda: "'9'" in kuberay.all("rayservice", "rays")[0]["spec"]["serveConfigV2"], "the application changes"
    )
    assert kuberay.all("rayservice", "rays")[0]["metadata"]["uid"] == service["metadata"]["uid"], "in place"
    workspaces.plane.kubectl("delete", "workspace", "rays", "--timeout=60s")
    wait_until(lambda: not kuberay.left("rays"), "nothing is left")


@pytest.mark.parametrize("mode", BUYER)
def test_a_worker_runs_on_each_machine_that_is_bought_and_the_others_are_given_back(
    kuberay: KubeRay, workspaces: Workspaces, mode: str
) -> None:
    """The head stays where it is, and with it the worker beside it: so one machine is left of three."""
    name = f"bought-by-{mode}"
    wanted = workspaces.inference(name, provisionerConfig={"mode": mode})
    wanted["inference"] |= {"runtime": "ray", "replicas": 3}
    workspaces.apply(wanted)

    def bought() -> set[str]:
        claims = workspaces.plane.get(CLAIMS, f"-l{BUYER[mode]}={name}")
        return {claim.get("status", {}).get("nodeName", "") for claim in claims}

    def places(kind: str) -> list[str]:
        pods = kuberay.all("pod", name, **{"ray.io/node-type": kind})
        return sorted(pod["spec"].get("nodeName", "") for pod in pods)

    wait_until(lambda: "" not in bought() and len(bought()) == 3, "three machines", PATIENCE_S)
    wait_until(lambda: places("worker") == sorted(bought()), "a worker on each", PATIENCE_S)
    wait_until(lambda: set(places("head")) <= bought() and places("head"), "the head on one of them", PATIENCE_S)
    patch(workspaces, name, {"replicas": 1})
    wait_until(
        lambda: places("worker") == places("head") and bought() == {*places("head")}, "one machine is left", PATIENCE_S
    )


def test_one_line_takes_a_server_from_one_runtime_to_another_and_back(kuberay: KubeRay, workspaces: Workspaces) -> None:
    """On the one machine that there is: the server before has to be gone."""
    name, wanted = "swapped", served_by_ray(workspaces, "swapped")
    wanted["inference"]["runtime"] = "vllm"
    workspaces.apply(wanted)
    workspaces.until(name, "Ready")
    patch(workspaces, name, {"runtime": "ray"})
    wait_until(
        lambda: [is_running(workspaces, pod) for pod in kuberay.workers(name)] == [True], "a worker runs", PATIENCE_S
    )
    assert workspaces.one("statefulset", name) is None
    assert workspaces.condition(name, "Ready")[0] == "False"
    patch(workspaces, name, {"runtime": "vllm"})
    wait_until(
        lambda: not kuberay.all("rayservice", name) and not kuberay.all("pod", name, **HEAD), "Ray is gone", PATIENCE_S
    )
    workspaces.until(name, "Ready")
    server = workspaces.one("statefulset", name)
    assert server is not None
    assert server["spec"]["template"]["spec"]["containers"][0]["command"][:2] == ["vllm", "serve"]


def test_what_kuberay_leaves_as_it_is_makes_a_new_cluster(kuberay: KubeRay, workspaces: Workspaces) -> None:
    workspaces.apply(served_by_ray(workspaces, "anew"))
    wait_until(lambda: kuberay.workers("anew"), "KubeRay makes a worker")
    (before,) = kuberay.all("raycluster", "anew")
    patch(workspaces, "anew", {"runtimeConfig": {"replicaCpus": 3}})

    def is_another() -> bool:
        names = [*map(name_of, kuberay.all("raycluster", "anew"))]
        return len(names) == len(kuberay.workers("anew")) == 1 and names != [name_of(before)]

    wait_until(is_another, "a cluster with the new environment, and no other")


@pytest.mark.parametrize("name", SERVED)
def test_the_api_server_takes_each_scenario_s_rayservice_whole(kuberay: KubeRay, plane: Cluster, name: str) -> None:
    given = json.loads(json.dumps(SCENARIOS[name]))
    given["workspace"]["inference"]["runtime"] = "ray"
    rendered = rayservice_of(given["workspace"])
    taken = dry_run(plane, {**rendered, "metadata": {**rendered["metadata"], "namespace": "default"}})
    assert pruned(rendered["spec"], taken["spec"]) == []


@pytest.mark.parametrize("name", GOLDENS)
def test_the_api_server_takes_a_rayservice_for_each_of_kaito_s_scenarios(
    kuberay: KubeRay, plane: Cluster, name: str
) -> None:
    if name in BEYOND:
        assert BEYOND[name] in refusal(name)
        return
    (made,) = (each for each in rendered(name) if each["kind"] == "RayService")
    taken = dry_run(plane, {**made, "metadata": {**made["metadata"], "namespace": "default"}})
    assert pruned(made["spec"], taken["spec"]) == []


def rendered(golden: str) -> list[Object]:
    """Return the objects of KAITO's scenario, with this runtime: of a tuned model by the settings, which name it."""
    given = json.loads(json.dumps(GOLDENS[golden]["input"]))
    workspace, provisioner = given["workspace"], {"byo": "byo"}.get(given["provisioner"], "karpenter")
    workspace["metadata"].pop("uid")
    workspace["resource"].setdefault("instanceType", INSTANCE_TYPE)
    if "inference" in workspace:
        workspace["inference"]["runtime"] = "ray"
    settings = {"cloud": given["cloud"], "provisioner": provisioner, "runtime": "ray"}
    return [dict(each) for each in render(workspace, settings=settings)]


def refusal(golden: str) -> str:
    """Return the message with which KAITO's scenario is refused."""
    with pytest.raises(LLMwrightError) as refused:
        rendered(golden)
    return str(refused.value)


def rayservice_of(workspace: Object) -> Object:
    """The RayService that ``llmwright render`` prints for a Workspace on nodes that are brought."""
    workspace["resource"]["instanceType"] = INSTANCE_TYPE
    workspace["metadata"].pop("uid")
    (made,) = (each for each in render(workspace, settings=MIG) if each["kind"] == "RayService")
    return dict(made)


def pruned(ours: Any, theirs: Any, path: str = "spec") -> list[str]:
    """Return the paths of what we rendered and the API server did not keep."""
    if isinstance(ours, dict):
        fields = theirs if isinstance(theirs, dict) else {}
        return [each for key, value in ours.items() for each in pruned(value, fields.get(key), f"{path}.{key}")]
    if isinstance(ours, list):
        items = theirs if isinstance(theirs, list) else []
        if len(items) != len(ours):
            return [path]
        return [each for place, value in enumerate(ours) for each in pruned(value, items[place], f"{path}[{place}]")]
    return [] if ours == theirs else [path]


def name_of(manifest: Object) -> str:
    name: str = manifest["metadata"]["name"]
    return name


def is_running(workspaces: Workspaces, pod: Object) -> bool:
    found = workspaces.one("pod", name_of(pod))
    return found is not None and found["status"].get("phase") == "Running"


def endpoints(workspaces: Workspaces, service: str) -> list[str]:
    """The pods that a Service leads to."""
    path = "/apis/discovery.k8s.io/v1/namespaces/default/endpointslices?labelSelector=kubernetes.io/service-name"
    slices = (workspaces.plane.fetch(f"{path}={service}") or {}).get("items") or []
    return [point["targetRef"]["name"] for each in slices for point in each.get("endpoints") or []]
