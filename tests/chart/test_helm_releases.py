"""Other releases of Helm: each renders and refuses the same of the chart, and installs, upgrades and uninstalls it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.chart.support.chart_files import CHART
from tests.chart.support.helm import NAMESPACE, RELEASE, Helm
from tests.chart.support.helm_releases import PACKAGES, fetch
from tests.chart.support.installed_operator import installed_operator
from tests.chart.test_values import REFUSED, VALUES

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.slow

Object = dict[str, Any]

GIVEN: Object = {"provisioner": {"name": "byo"}, "settings": {"preflight": False, "allowPlaceholders": True}}
WORKSPACE: Object = {
    "apiVersion": "kaito.sh/v1beta1",
    "kind": "Workspace",
    "metadata": {"name": "third", "namespace": "default"},
    "resource": {"instanceType": "Standard_NC24ads_A100_v4", "labelSelector": {"matchLabels": {"model": "third"}}},
    "inference": {"preset": {"name": "phi-4-mini-instruct"}},
}


@pytest.fixture(scope="module", params=PACKAGES)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Helm of each release that is named."""
    folder = tmp_path_factory.mktemp("helm")
    found = fetch(request.param, folder)
    said = Helm(found, folder).run("version", "--short")
    assert said.out.startswith(f"v{request.param}."), said.out + said.err
    return found


@pytest.fixture
def other(program: Path, tmp_path: Path) -> Helm:
    """Helm of that release, without a cluster."""
    return Helm(program, tmp_path)


def test_it_renders_the_same(helm: Helm, other: Helm) -> None:
    for name, values in VALUES.items():
        done = other.run("lint", "--strict", str(CHART), values=values)
        assert done.code == 0, (name, done.out + done.err)
        # Helm 3 sorts some kinds otherwise.
        assert by_name(other.objects(values)) == by_name(helm.objects(values)), name


def by_name(objects: list[Object]) -> dict[tuple[str, str], Object]:
    return {(each["kind"], each["metadata"]["name"]): each for each in objects}


def test_it_refuses_the_same(other: Helm) -> None:
    for name, (values, _) in REFUSED.items():
        done = other.template(values)
        assert done.code != 0, name
        assert done.out == "", name


@pytest.mark.cluster
def test_it_installs_upgrades_and_uninstalls(program: Path, cluster_helm: Helm, plane: Cluster, tmp_path: Path) -> None:
    other = Helm(program, tmp_path, plane.kubeconfig)
    done = other.install(GIVEN)
    assert done.code == 0, done.err
    (deployment,) = plane.get("deployments", f"-n{NAMESPACE}")
    assert deployment["status"]["readyReplicas"] == 2
    plane.add_node("third", {"model": "third", "node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"})
    plane.restart_manager()
    operator = installed_operator(plane, tmp_path)
    operator.start()
    try:
        plane.apply(WORKSPACE)
        plane.until("third", "Ready")
        ways = ("--reuse-values", "--reset-then-reuse-values")
        for way in ways:
            named = ("upgrade", RELEASE, str(CHART), "--namespace", NAMESPACE, way, "--wait", "--timeout=90s")
            done = other.run(*named, "--set", f"podLabels.way={way.strip('-')}")
            assert done.code == 0, done.err
        done = other.run("rollback", RELEASE, "1", "--namespace", NAMESPACE, "--wait", "--timeout=90s")
        assert done.code == 0, done.err
        done = cluster_helm.upgrade(GIVEN)
        assert done.code == 0, ("Helm 4.3 takes over", done.err)
        done = other.uninstall()
        assert done.code == 0, done.err
        assert "[CustomResourceDefinition] workspaces.kaito.sh" in done.out + done.err
        assert plane.condition("third", "Ready")["status"] == "True"
    finally:
        operator.end()
        plane.kubectl(
            "patch", "workspace", "third", "--type=merge", "-p", '{"metadata":{"finalizers":null}}', check=False
        )
        plane.kubectl("delete", "workspace", "third", "--ignore-not-found", "--timeout=60s")
        plane.remove_node("third")
        plane.kubectl("delete", "crd", "workspaces.kaito.sh", "--ignore-not-found", "--timeout=60s")
