"""Upgrades from an older chart with the values of then, and an installation whose operators never get ready."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.chart.support.chart_files import CHART
from tests.chart.support.helm import NAMESPACE, RELEASE, Helm

from llmwright.testing.cluster import Cluster, wait_until

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

OLDER: Object = {
    "image": {"repository": "registry.example/operator", "tag": "0.0.1"},
    "provisioner": {"name": "byo"},
    "networkPolicy": {"enabled": True},
}
"""The values of a chart that had few."""

MARK = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: llmwright-operator}
data: {llmwright.yaml: "provisioner: byo"}
"""


@pytest.fixture
def release(cluster_helm: Helm, plane: Cluster) -> Iterator[Helm]:
    """Helm with nothing installed, before and after."""
    yield cluster_helm
    if cluster_helm.run("status", RELEASE, "--namespace", NAMESPACE).code == 0:
        cluster_helm.uninstall()
    plane.kubectl("delete", "crd", "workspaces.kaito.sh", "--ignore-not-found", "--timeout=60s")


@pytest.fixture
def older(tmp_path: Path) -> Path:
    """A chart of an older version, with fewer values and a ConfigMap that the newer one has too."""
    chart = tmp_path / "older"
    (chart / "templates").mkdir(parents=True)
    about = {**yaml.safe_load((CHART / "Chart.yaml").read_text()), "version": "0.0.1", "appVersion": "0.0.1"}
    (chart / "Chart.yaml").write_text(yaml.safe_dump(about))
    (chart / "values.yaml").write_text(yaml.safe_dump(OLDER))
    (chart / "templates/settings.yaml").write_text(MARK)
    return chart


RESET = pytest.param("--reset-then-reuse-values", marks=pytest.mark.slow)


@pytest.mark.parametrize("way", ["--reuse-values", RESET])
def test_the_values_of_an_older_chart_are_enough(release: Helm, plane: Cluster, older: Path, way: str) -> None:
    given = {"networkPolicy": {"enabled": False}}
    done = release.install(given, chart=older)
    assert done.code == 0, done.err
    named = ("upgrade", RELEASE, str(CHART), "--namespace", NAMESPACE, way, "--wait", "--timeout=90s")
    done = release.run(*named)
    assert done.code == 0, done.err
    # What its values have not has today's defaults, and what the user chose stays.
    assert len(plane.get("poddisruptionbudgets", f"-n{NAMESPACE}")) == 1
    assert plane.get("networkpolicies", f"-n{NAMESPACE}") == []
    (deployment,) = plane.get("deployments", f"-n{NAMESPACE}")
    kept = way == "--reuse-values"
    image = deployment["spec"]["template"]["spec"]["containers"][0]["image"]
    assert image.startswith("registry.example/operator:0.0.1") == kept
    assert plane.get("crds", "--field-selector=metadata.name=workspaces.kaito.sh")


@pytest.mark.slow
def test_an_installation_fails_when_its_operators_do_not_get_ready_in_time(release: Helm, plane: Cluster) -> None:
    """It does not wait for its whole time-out."""
    began = time.monotonic()
    never = {"nodeSelector": {"nowhere": "here"}, "progressDeadlineSeconds": 10, "provisioner": {"name": "byo"}}
    done = release.install(never, "--timeout=300s")
    assert done.code != 0
    assert "context deadline exceeded" not in done.err, done.err
    assert "llmwright-operator" in done.err, done.err
    assert time.monotonic() - began < 150
    release.uninstall()
    wait_until(lambda: not plane.get("deployments", f"-n{NAMESPACE}"), "nothing is left")
