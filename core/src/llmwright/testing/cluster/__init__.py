"""A real cluster for the tests of plugins: an API server, nodes that a test brings, and ``llmwright operator``.

    from llmwright.testing.cluster import Cluster, cluster  # noqa: F401

    def test_a_workspace_is_ready(cluster: Cluster) -> None:
        with cluster.operator({"plugins": {"provisioner": {"acme": {"region": "east"}}}}):
            cluster.apply(WORKSPACE)
            cluster.until("demo", "ResourceReady")

``KUBEBUILDER_ASSETS`` names the folder of Kubernetes' programs, as for controller-runtime's envtest; without it these
tests are skipped, and say so. etcd, kube-apiserver and kubectl must be there. kube-controller-manager, kube-scheduler,
kwok and kwok-stages.yaml start too where they are there: then pods are made and run. No container is started. Needs
``pip install 'llmwright[kubernetes,testing]'``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from llmwright.testing.cluster.control_plane import ControlPlane
from llmwright.testing.cluster.installation import Cluster
from llmwright.testing.cluster.operator_process import SETTINGS, OperatorProcess
from llmwright.testing.cluster.programs import find_programs
from llmwright.testing.cluster.waiting import wait_until

__all__ = [
    "SETTINGS",
    "Cluster",
    "ControlPlane",
    "OperatorProcess",
    "cluster",
    "find_programs",
    "running_cluster",
    "wait_until",
]


@contextmanager
def running_cluster(folder: Path, assets: Path | None = None) -> Iterator[Cluster]:
    """Start a cluster in ``folder``, which is made, with LLMwright installed; end it afterwards.

    ``assets`` is the folder of programs; by default ``KUBEBUILDER_ASSETS`` names it.
    """
    started = Cluster.start(assets or find_programs(), folder)
    try:
        started.install()
        started.start_kwok()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """One cluster for all tests of a session. Import the fixture into a test module or a conftest."""
    with running_cluster(tmp_path_factory.mktemp("cluster") / "control-plane") as started:
        yield started
