"""``llmwright doctor`` on a real API server: what is installed there, who may do what, and what nodes offer."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support.harness import NODE_CLASS as CLASS
from tests.cluster.support.operating import NODE_CLASS
from tests.support.docker_registry import DockerRegistry, docker_registry
from tests.support.empty_image import EmptyImage
from tests.support.waiting import wait_until

from llmwright.app.cluster_doctor import ClusterExamination
from llmwright.app.cluster_doctor.rights import rights_of_process
from llmwright.app.doctor import diagnose
from llmwright.app.examination import examined
from llmwright.app.session import Session
from llmwright.artifacts.image_push import push_image
from llmwright.settings import Settings
from llmwright.targets.kubernetes.cluster.kubeconfig import connect
from llmwright.targets.kubernetes.operator.rbac import NAME, RULES
from llmwright.testing.cluster import Cluster
from llmwright.values.nodes import Finding
from llmwright.version import __version__

pytestmark = pytest.mark.cluster

DEPLOYMENT: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
        "name": NAME,
        "namespace": "default",
        "labels": {
            "app.kubernetes.io/name": "llmwright",
            "app.kubernetes.io/component": "operator",
            "app.kubernetes.io/version": "0.0.9",
        },
    },
    "spec": {
        "replicas": 1,
        "selector": {"matchLabels": {"app": NAME}},
        "template": {
            "metadata": {"labels": {"app": NAME}},
            "spec": {
                "serviceAccountName": NAME,
                # No node has it: its pod stays as it is.
                "nodeSelector": {"no": "where"},
                "containers": [{"name": "operator", "image": "localhost/llmwright/operator:0.0.9"}],
                "volumes": [{"name": "settings", "configMap": {"name": NAME}}],
            },
        },
    },
}
SETTINGS = {"provisioner": "karpenter", "plugins": {"provisioner": {"karpenter": {"nodeClassRef": NODE_CLASS}}}}
OPERATOR_ABOUT = ("operator", "operator's settings", "rights of the operator")
PLUGIN: dict[str, Any] = {
    "apiVersion": "apps/v1",
    "kind": "DaemonSet",
    "metadata": {"name": "nvidia-device-plugin", "namespace": "default"},
    "spec": {
        "selector": {"matchLabels": {"app": "nvidia"}},
        "template": {
            "metadata": {"labels": {"app": "nvidia"}},
            "spec": {
                "nodeSelector": {"doctor": "gpus"},
                "containers": [{"name": "plugin", "image": "nvcr.io/nvidia/k8s-device-plugin:v0.17.1"}],
            },
        },
    },
}


def examination(kubeconfig: Path) -> tuple[ClusterExamination, dict[str, Finding]]:
    cluster = ClusterExamination(Session(kubeconfig=str(kubeconfig)))
    return cluster, {finding.about: finding for finding in cluster.findings()}


@pytest.fixture
def installed(plane: Cluster) -> Iterator[None]:
    """The operator's Deployment with its settings; its pod has no node."""
    settings = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": NAME, "namespace": "default"}}
    plane.apply({**settings, "data": {"llmwright.yaml": yaml.safe_dump(SETTINGS)}}, DEPLOYMENT)
    yield
    plane.kubectl("delete", "deployment,configmap", NAME)


def test_the_cluster_is_named_with_its_release(plane: Cluster, tmp_path: Path) -> None:
    cluster, findings = examination(plane.kubeconfig)
    assert cluster.api is not None
    assert findings["cluster"].message.endswith(f"{plane.url} answers: Kubernetes {cluster.api.version()}")
    assert findings["rights"].message == "all that the operator and its drivers need"


def test_the_operators_account_has_all_that_it_needs(plane: Cluster, tmp_path: Path) -> None:
    api = connect(plane.write_kubeconfig(tmp_path / "operator"))
    rules = (*RULES, *Session().driver_set.access_rules())
    finding = rights_of_process(api, rules, in_pod=True)
    assert (finding.state, finding.message) == ("ok", "all that the operator and its drivers need")


def test_who_may_read_the_definition_is_told_that_it_is_ours(plane: Cluster) -> None:
    finding = examination(plane.kubeconfig)[1]["Workspace definition"]
    assert (finding.state, finding.message) == ("ok", "the cluster serves all fields of this version")


def account(plane: Cluster, folder: Path, name: str) -> Path:
    """Make an account without any right; return its kubeconfig."""
    plane.kubectl("create", "serviceaccount", name)
    access = yaml.safe_load(plane.write_kubeconfig(folder / "operator").read_text())
    access["users"][0]["user"] = {"token": plane.kubectl("create", "token", name).strip()}
    (folder / name).write_text(yaml.safe_dump(access))
    return folder / name


def test_who_has_the_role_view_has_no_problem(plane: Cluster, installed: None, tmp_path: Path) -> None:
    """What the role leaves out is named with the role that has it, and is nobody's fault: the verb ends with 0."""
    viewer = account(plane, tmp_path, "viewer")
    plane.kubectl("create", "rolebinding", "viewer", "--clusterrole=view", "--serviceaccount=default:viewer")
    try:
        wait_until(lambda: examination(viewer)[1]["rights for get, wait"].state == "ok", "it has its rights")
        found = {each.about: each for each in diagnose(Session(kubeconfig=str(viewer), given_settings=Settings()))}
    finally:
        plane.kubectl("delete", "serviceaccount,rolebinding", "viewer")
    assert [each for each in found.values() if each.state == "problem"] == []
    user = "system:serviceaccount:default:viewer"
    for about, verbs in (("apply, stop, start, delete", "create workspaces.kaito.sh"), ("chat, bench", "create pods")):
        lacking = found[f"rights for {about}"]
        assert lacking.state == "unchecked"
        assert lacking.message.startswith(f"{user} lacks {verbs}")
        assert "--clusterrole=" in lacking.hint
    assert (found["operator"].state, found["GPUs"].state) == ("unchecked", "unchecked")


def test_rights_that_lack_are_named(plane: Cluster, tmp_path: Path) -> None:
    findings = examination(account(plane, tmp_path, "nobody"))[1]
    user = "system:serviceaccount:default:nobody"
    reading = findings["rights for get, wait"]
    assert reading.state == "problem"
    assert reading.message == f"{user} lacks get workspaces.kaito.sh, list workspaces.kaito.sh in namespace default"
    assert "--clusterrole=llmwright-view --serviceaccount=default:nobody" in reading.hint
    assert "llmwright-edit" in findings["rights for apply, stop, start, delete"].hint
    assert findings["GPUs"].message == f"{user} may not list nodes in the whole cluster"
    assert findings["operator"].message == f"{user} may not list deployments.apps in the whole cluster"
    plane.kubectl("delete", "serviceaccount", "nobody")


def test_an_operator_is_found_with_its_settings_its_rights_and_what_keeps_it(plane: Cluster, installed: None) -> None:
    cluster, findings = examination(plane.kubeconfig)
    operator, settings, rights = (findings[about] for about in OPERATOR_ABOUT)
    assert operator.state == "problem"
    assert operator.message.startswith(f"default/{NAME}: 0 of 1 ready, version 0.0.9")
    assert (settings.state, settings.message) == ("ok", f"ConfigMap default/{NAME}: provisioner karpenter")
    assert (rights.state, rights.message) == ("ok", "all that it and the drivers in use need")
    assert findings["image of operator"].message.startswith("localhost/llmwright/operator:0.0.9: no registry has it")
    assert cluster.session.settings.provisioner == "karpenter"


def test_rights_that_the_operator_lacks_are_a_problem(plane: Cluster, installed: None) -> None:
    plane.kubectl("patch", "deployment", NAME, "-p", '{"spec":{"template":{"spec":{"serviceAccountName":"default"}}}}')
    rights = examination(plane.kubeconfig)[1]["rights of the operator"]
    assert rights.state == "problem"
    assert "patch workspaces/status.kaito.sh" in rights.message


def test_karpenter_and_its_node_class_are_looked_for(plane: Cluster, installed: None) -> None:
    cluster, _ = examination(plane.kubeconfig)

    def asked() -> dict[str, Finding]:
        return {each.about: each for each in examined(cluster.session, "karpenter", None, cluster.api)}

    assert {about: finding.state for about, finding in asked().items()} == {"Karpenter": "ok", "node class": "ok"}
    plane.kubectl("delete", "kwoknodeclass", "default")
    missing = asked()["node class"]
    plane.apply(CLASS)
    assert (missing.state, missing.message) == ("problem", "there is no KWOKNodeClass/default (karpenter.kwok.sh)")


def test_gpus_and_what_offers_them_are_told(plane: Cluster) -> None:
    plane.add_node("offers", {"doctor": "gpus"})
    plane.add_node("silent", {"nvidia.com/gpu.count": "1"}, fake=True, **{"nvidia.com/gpu": "0"})
    plane.apply(PLUGIN)
    try:
        ready = "DaemonSet default/nvidia-device-plugin: 1 of 1 ready"
        wait_until(lambda: examination(plane.kubeconfig)[1]["device plugin"].message == ready, "its pod is ready")
        gpus = examination(plane.kubeconfig)[1]["GPUs"]
        assert (gpus.state, gpus.message) == ("problem", "node silent should have GPUs, and offers no nvidia.com/gpu")
        assert "devicePlugin.enabled=true" in gpus.hint
        plane.kubectl("delete", "node", "silent")
        assert examination(plane.kubeconfig)[1]["GPUs"].state == "ok"
    finally:
        plane.kubectl("delete", "daemonset", "nvidia-device-plugin")
        plane.kubectl("delete", "node", "offers", "silent", "--ignore-not-found")


@pytest.fixture
def registry(tmp_path: Path) -> Iterator[DockerRegistry]:
    """A registry without a password, which has nothing."""
    yield from docker_registry(tmp_path)


def test_an_image_that_its_registry_lacks_is_a_problem(
    plane: Cluster, installed: None, registry: DockerRegistry
) -> None:
    settings = yaml.safe_dump({**SETTINGS, "imageRegistry": registry.host})
    patch = json.dumps({"data": {"llmwright.yaml": settings}})
    plane.kubectl("patch", "configmap", NAME, "--type=merge", "-p", patch)
    push_image(EmptyImage("workload"), f"{registry.host}/llmwright/workload:{__version__}", None)
    findings = examination(plane.kubeconfig)[1]
    assert findings["image of workload"].state == "ok"
    missing = findings["image of vllm"]
    assert missing.state == "problem"
    assert missing.message.startswith(f"{registry.host}/vllm/vllm-openai:v")
    assert "404" in missing.message
    assert "images.vllm" in missing.hint
