"""The chart on a real cluster: install, upgrade and uninstall by the real ``helm``, and the operator under its rights.

No container runs on KWOK's nodes, so the operator is a process of this machine: with the account, the rights and the
settings that the chart installed.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.support.chart_files import CHART
from tests.chart.support.helm import NAMESPACE, RELEASE, Helm
from tests.chart.support.installed_operator import installed_operator

from llmwright.api.crd import crd
from llmwright.targets.kubernetes.operator.rbac import NAME
from llmwright.testing.cluster import Cluster, OperatorProcess, wait_until

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

VALUES: Object = {
    "provisioner": {"name": "byo"},
    "webhook": {"enabled": True, "timeout": 1},
    "settings": {"preflight": False, "allowPlaceholders": True},
}
KINDS_OF_CLUSTERS = (
    "clusterroles,clusterrolebindings,validatingwebhookconfigurations,"
    "validatingadmissionpolicies,validatingadmissionpolicybindings,priorityclasses"
)
KINDS = (
    "all,leases,serviceaccounts,roles,rolebindings,networkpolicies,configmaps,secrets,poddisruptionbudgets,"
    "controllerrevisions"
)
WORKSPACE = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata:
  name: {{ .Release.Name }}
resource:
  instanceType: Standard_NC24ads_A100_v4
  labelSelector:
    matchLabels: {model: demo}
inference:
  preset:
    name: %s
"""


@pytest.fixture(scope="module")
def installed(cluster_helm: Helm, plane: Cluster) -> Iterator[Helm]:
    """The release, installed."""
    done = cluster_helm.install(VALUES)
    assert done.code == 0, done.err
    plane.add_node("gpu", {"model": "demo", "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"})
    plane.restart_manager()
    yield cluster_helm
    if cluster_helm.run("status", RELEASE, "--namespace", NAMESPACE).code == 0:
        cluster_helm.uninstall()


@pytest.fixture(scope="module")
def operator(installed: Helm, plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[OperatorProcess]:
    """The operator with the chart's account, rights, settings and Lease, and with no others."""
    process = installed_operator(plane, tmp_path_factory.mktemp("operator"))
    process.start()
    yield process
    process.end()


def chart_of_workspace(folder: Path, name: str, preset: str) -> Path:
    """A chart with one Workspace."""
    chart = folder / name
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text(f"apiVersion: v2\nname: {name}\nversion: 1.0.0\n")
    (chart / "templates/workspace.yaml").write_text(WORKSPACE % preset)
    return chart


def test_the_release_is_there_and_its_pods_are_ready(installed: Helm, plane: Cluster) -> None:
    (deployment,) = plane.get("deployments", f"-n{NAMESPACE}")
    assert deployment["status"]["readyReplicas"] == 2
    (definition,) = [each for each in plane.get("crds") if each["spec"]["group"] == "kaito.sh"]
    assert definition["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_the_operator_carries_out_a_workspace_and_a_chart_waits_for_it(
    installed: Helm, operator: OperatorProcess, plane: Cluster, tmp_path: Path
) -> None:
    chart = chart_of_workspace(tmp_path, "answers", "phi-4-mini-instruct")
    command = ("install", "answers", str(chart), "--namespace=default", "--wait", "--timeout=180s")
    done = installed.run(*command)
    # Only where the pod is Ready, which KWOK makes it, did the Workspace become so.
    assert done.code == 0, (done.err, plane.status("answers"))
    assert plane.condition("answers", "Ready")["status"] == "True"
    (lease,) = plane.get("leases", f"-n{NAMESPACE}")
    assert lease["spec"]["holderIdentity"]
    refused = [line for line in operator.lines() if "forbidden" in json.dumps(line).lower()]
    assert refused == []


def test_a_chart_fails_at_once_where_its_workspace_is_stalled(
    installed: Helm, operator: OperatorProcess, plane: Cluster, tmp_path: Path
) -> None:
    chart = chart_of_workspace(tmp_path, "stalls", "no-such-model")
    command = ("install", "stalls", str(chart), "--namespace=default", "--wait", "--timeout=180s")
    wait_until(lambda: plane.get("leases", f"-n{NAMESPACE}")[0]["spec"].get("holderIdentity"), "it leads")
    done = installed.run(*command)
    assert done.code != 0
    assert plane.condition("stalls", "Stalled")["status"] == "True", plane.status("stalls")
    assert "context deadline exceeded" not in done.err, done.err
    installed.run("uninstall", "stalls", "--namespace=default", "--wait", "--timeout=60s")


def test_the_webhook_that_was_installed_empty_is_filled_in(operator: OperatorProcess, plane: Cluster) -> None:
    (found,) = plane.get("validatingwebhookconfigurations")
    assert found["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "Helm"
    assert found["webhooks"][0]["clientConfig"]["service"]["name"] == NAME


def test_an_upgrade_brings_the_new_definition(installed: Helm, plane: Cluster, tmp_path: Path) -> None:
    newer = tmp_path / "newer"
    shutil.copytree(CHART, newer)
    file = newer / "files/crd.yaml"
    definition = yaml.safe_load(file.read_text())
    for version in definition["spec"]["versions"]:
        version["schema"]["openAPIV3Schema"]["properties"]["resource"]["properties"]["later"] = {"type": "string"}
    file.write_text(yaml.safe_dump(definition))
    done = installed.upgrade(VALUES, newer)
    assert done.code == 0, done.err
    assert "later" in plane.kubectl("explain", "workspace.resource.later")
    assert plane.condition("answers", "Ready")["status"] == "True"
    (found,) = plane.get("validatingwebhookconfigurations")
    assert found["webhooks"][0]["clientConfig"].get("caBundle"), "the upgrade left what the operator wrote"


def test_uninstalling_leaves_the_workspaces_and_nothing_else(
    installed: Helm, operator: OperatorProcess, plane: Cluster
) -> None:
    done = installed.uninstall()
    assert done.code == 0, done.err
    assert "Workspaces are not deleted with the operator" in done.err
    assert "kubectl delete workspaces --all -A" in done.err
    assert "[CustomResourceDefinition] workspaces.kaito.sh" in done.out
    assert workspaces(plane) == ["answers"]
    (statefulset,) = plane.get("statefulsets")
    assert statefulset["status"]["readyReplicas"] == 1
    ours = f"-lapp.kubernetes.io/instance={RELEASE}"
    wait_until(lambda: not plane.get(KINDS, f"-n{NAMESPACE}", ours), "all of the namespace is gone")
    assert plane.get(KINDS_OF_CLUSTERS, ours) == []
    left = {(each["kind"], each["metadata"]["name"]) for each in plane.get(KINDS, f"-n{NAMESPACE}")}
    assert left == {("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")}
    assert not [each for each in plane.get(KINDS_OF_CLUSTERS) if "llmwright" in each["metadata"]["name"]]


@pytest.mark.slow
def test_installed_again_it_takes_up_what_is_there(cluster_helm: Helm, plane: Cluster) -> None:
    values = {**VALUES, "webhook": {"enabled": False}}
    done = cluster_helm.install(values)
    assert done.code == 0, done.err
    assert workspaces(plane) == ["answers"]
    # The definition goes out of the chart's hands, and with it no Workspace.
    done = cluster_helm.upgrade({**values, "crds": {"install": False}})
    assert done.code == 0, done.err
    assert workspaces(plane) == ["answers"]
    assert cluster_helm.uninstall().code == 0


@pytest.mark.slow
def test_a_definition_that_somebody_made_by_hand_is_taken_over_when_asked(cluster_helm: Helm, plane: Cluster) -> None:
    plane.kubectl("patch", "workspace", "answers", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    plane.kubectl("delete", "crd", "workspaces.kaito.sh", "--timeout=60s")
    plane.apply(crd(), manager="kubectl")
    values = {**VALUES, "webhook": {"enabled": False}}
    done = cluster_helm.install(values)
    assert done.code != 0
    assert "workspaces.kaito.sh" in done.err
    assert "exists and cannot be imported" in done.err, done.err
    done = cluster_helm.install(values, "--take-ownership", "--force-conflicts")
    assert done.code == 0, done.err
    assert cluster_helm.uninstall().code == 0


def workspaces(plane: Cluster) -> list[str]:
    return [each["metadata"]["name"] for each in plane.get("workspaces")]
