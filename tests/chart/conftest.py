"""One real cluster for the tests of the chart, whose nodes KWOK makes, and the real ``helm``."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.chart.support.helm import Helm
from tests.support import programs

from llmwright.testing.cluster import Cluster


@pytest.fixture(scope="package")
def assets() -> Path:
    """The folder of programs; skips where one that is needed is not there."""
    return programs.assets("kube-controller-manager", "kube-scheduler", "kwok", "helm")


@pytest.fixture(scope="package")
def helm(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """``helm`` without a cluster."""
    return Helm(assets / "helm", tmp_path_factory.mktemp("helm"))


@pytest.fixture(scope="package")
def plane(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with a node, without anything of ours."""
    started = Cluster.start(assets, tmp_path_factory.mktemp("cluster") / "control-plane")
    started.start_kwok()
    started.add_node("system", {"pool": "system"})
    yield started
    started.stop()


@pytest.fixture(scope="package")
def cluster_helm(assets: Path, plane: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Helm:
    """``helm`` with that cluster."""
    return Helm(assets / "helm", tmp_path_factory.mktemp("cluster-helm"), plane.kubeconfig)
