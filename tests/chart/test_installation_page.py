"""docs/installation.md: the values of each way are ones that the operator reads, and the commands run as they stand."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.support.chart_files import CHART
from tests.chart.support.helm import NAMESPACE, RELEASE, Helm
from tests.chart.support.installed_operator import installed_operator
from tests.support.page_commands import commands, sections, values

from llmwright.plugins.configuration import validate_settings
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.settings import load
from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

ROOT = Path(__file__).parents[2]
PAGE = "installation.md"
WAYS = values(PAGE)
OWN = "Own nodes"
NAME, NODE = "my-workspace", "my-node"


def given(way: str) -> Object:
    return dict(yaml.safe_load(WAYS[way]))


def test_each_way_to_a_cluster_has_values() -> None:
    assert {*WAYS} == {*sections(PAGE)} - {"The same everywhere", "One machine"}


@pytest.mark.parametrize("way", WAYS)
def test_the_operator_reads_the_values(helm: Helm, tmp_path: Path, way: str) -> None:
    file = tmp_path / "llmwright.yaml"
    file.write_text(helm.one("ConfigMap", "llmwright-operator", given(way))["data"]["llmwright.yaml"])
    settings = load(file=file, environ={})
    name = settings.provisioner
    assert name is not None
    driver = DriverSet.of_registry(Registry()).find_provisioner(name)
    assert driver is not None
    validate_settings(f"plugins.provisioner.{name}", driver, settings.plugins.provisioner.get(name, {}))


@pytest.mark.cluster
def test_the_api_server_takes_what_helm_makes_of_them(cluster_helm: Helm, plane: Cluster) -> None:
    for way in WAYS:
        named = ("install", RELEASE, str(CHART), "--namespace", NAMESPACE, "--create-namespace", "--dry-run=server")
        done = cluster_helm.run(*named, values=given(way))
        assert done.code == 0, (way, done.err)


@pytest.fixture
def reader(helm: Helm, plane: Cluster, tmp_path: Path) -> Iterator[Any]:
    """Runs commands of the page, in a folder with the files that it names."""
    (tmp_path / ".kube").mkdir()
    (tmp_path / ".kube/config").write_bytes(plane.kubeconfig.read_bytes())
    (tmp_path / "deploy").symlink_to(ROOT / "deploy")
    # No container runs on KWOK's nodes, so nothing could look at a machine beforehand.
    (tmp_path / "values.yaml").write_text(f"{WAYS[OWN]}settings: {{preflight: false}}\n")
    (tmp_path / "workspace.yaml").write_text(json.dumps(workspace()))
    plane.add_node(NODE, {"node.kubernetes.io/instance-type": "Standard_NC24ads_A100_v4"})
    path = f"{helm.program.parent}:{Path(sys.executable).parent}:/usr/bin:/bin"
    environ = {"PATH": path, "HOME": str(tmp_path), "NO_PROXY": "*"}

    def run(command: str) -> str:
        done = subprocess.run(
            ["bash", "-c", command], cwd=tmp_path, env=environ, capture_output=True, text=True, check=False, timeout=300
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr

    yield run
    plane.kubectl("delete", "crd", "workspaces.kaito.sh", "--ignore-not-found", "--timeout=60s")
    plane.kubectl("delete", "node", NODE)


def workspace() -> Object:
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": NAME},
        "resource": {
            "instanceType": "Standard_NC24ads_A100_v4",
            "labelSelector": {"matchLabels": {"apps": NAME}},
        },
        "inference": {"preset": {"name": "phi-4-mini-instruct"}},
    }


@pytest.mark.cluster
@pytest.mark.slow
def test_own_nodes_by_the_commands_of_the_page(reader: Any, plane: Cluster, tmp_path: Path) -> None:
    for command in commands(PAGE, OWN):
        reader(command)
    build, install, *then = commands(PAGE, "The same everywhere")
    assert build.startswith("llmwright images build && ")  # test_end_to_end.py builds and pushes them
    reader(install)
    plane.restart_manager()
    operator = installed_operator(plane, tmp_path)
    operator.start()
    try:
        for command in then:
            reader(command)
        reader(f"kubectl delete workspace {NAME} --timeout=60s")
    finally:
        operator.end()
        reader("helm uninstall llmwright -n llmwright-system --wait")
