"""Fixtures, one of each for the package, for tests against a real control plane, KWOK's nodes and Karpenter.

A test that uses one carries the marker ``cluster``. ``control_plane`` is a cluster without nodes; ``karpenter`` is the
same cluster with KWOK and Karpenter's KWOK provider (static capacity on) running in it. A package that wants them has a
``conftest.py`` with ``from tests.cluster.support.harness import assets, control_plane, karpenter  # noqa: F401``.
Tests share them: use a namespace or Workspace names of your own, and take away what you made.
"""

from __future__ import annotations

import subprocess
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.cluster.support.instance_types import write_instance_types
from tests.support import programs
from tests.support.programs import HOW_TO_GET_THEM

from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.programs import Program, free_port

NODE_CLASS = {
    "apiVersion": "karpenter.kwok.sh/v1alpha1",
    "kind": "KWOKNodeClass",
    "metadata": {"name": "default"},
    "spec": {},
}


@pytest.fixture(scope="package")
def assets() -> Path:
    """The folder of programs; skips where there is none."""
    return programs.assets("kube-controller-manager", "kube-scheduler")


@pytest.fixture(scope="package")
def control_plane(assets: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster without nodes and without anything installed."""
    plane = Cluster.start(assets, tmp_path_factory.mktemp("cluster") / "control-plane")
    yield plane
    plane.stop()


@dataclass
class Karpenter:
    """A cluster in which KWOK makes nodes Ready and Karpenter makes nodes."""

    plane: Cluster
    program: Program

    def restart(self, *, static_capacity: bool = True) -> None:
        """Ends Karpenter and starts it anew, with or without its gate for NodePools with ``replicas``."""
        self.program.stop()
        self.program = _start_karpenter(self.plane, static_capacity)


@pytest.fixture(scope="package")
def karpenter(control_plane: Cluster) -> Karpenter:
    """The cluster with KWOK, Karpenter's CRDs, its default node class and Karpenter itself."""
    if not control_plane.start_kwok():
        pytest.skip(HOW_TO_GET_THEM)
    install_karpenter_crds(control_plane)
    control_plane.apply(NODE_CLASS)
    return Karpenter(control_plane, _start_karpenter(control_plane, static_capacity=True))


def install_karpenter_crds(plane: Cluster) -> None:
    """The kinds of Karpenter, established and served."""
    crds = plane.programs.assets / "karpenter-crds"
    if not crds.exists():
        pytest.skip(HOW_TO_GET_THEM)
    plane.kubectl("apply", "--server-side", "-f", "-", stdin=_printed(crds))
    plane.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=60s")


def _printed(program: Path) -> str:
    return subprocess.run([program], capture_output=True, text=True, check=True).stdout


def _start_karpenter(plane: Cluster, static_capacity: bool) -> Program:
    machines = plane.folder / "instance-types.json"
    write_instance_types(machines)
    health = free_port()
    program = plane.programs.start(
        "karpenter", "--disable-leader-election=true", f"--metrics-port={free_port()}",
        f"--health-probe-port={health}", f"--feature-gates=StaticCapacity={str(static_capacity).lower()}",
        "--batch-idle-duration=200ms", f"--instance-types-file-path={machines}",
        environ={"KUBECONFIG": str(plane.kubeconfig)},
    )  # fmt: skip
    plane.programs.wait_for("karpenter", lambda: _answers(f"http://127.0.0.1:{health}/readyz"))
    return program


def _answers(url: str) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=5):
            return True
    except OSError:
        return False
