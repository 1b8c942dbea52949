"""KubeRay on the cluster of the tests: its kinds, its operator, and what there is of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.operating import Shift
from tests.support.programs import HOW_TO_GET_THEM
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.programs import Program, free_port

Object = dict[str, Any]

KINDS = "kuberay-crds.yaml"
OPERATOR = "kuberay-operator"
PATHS = {
    "rayservice": "/apis/ray.io/v1/namespaces/default/rayservices",
    "raycluster": "/apis/ray.io/v1/namespaces/default/rayclusters",
    "pod": "/api/v1/namespaces/default/pods",
    "service": "/api/v1/namespaces/default/services",
    "secret": "/api/v1/namespaces/default/secrets",
}


def is_there(assets: Path) -> bool:
    """Return whether KubeRay is among the programs."""
    return (assets / KINDS).exists() and (assets / OPERATOR).exists()


@dataclass
class KubeRay:
    """A running KubeRay, and the objects of one Workspace that it and we make."""

    plane: Cluster
    program: Program

    @classmethod
    def start(cls, plane: Cluster, *flags: str) -> KubeRay:
        """Install its kinds, which are too large for an annotation, and start its operator."""
        plane.kubectl("apply", "--server-side", "-f", str(plane.programs.assets / KINDS))
        wait_until(
            lambda: all(plane.serves(PATHS[kind]) for kind in ("rayservice", "raycluster")), "its kinds are served"
        )
        program = plane.programs.start(
            OPERATOR, "-enable-leader-election=false", f"-metrics-addr=127.0.0.1:{free_port()}",
            f"-health-probe-bind-address=127.0.0.1:{free_port()}", "-kubeconfig", str(plane.kubeconfig), *flags,
        )  # fmt: skip
        return cls(plane, program)

    def stop(self) -> None:
        """End it, and take its kinds away."""
        self.program.stop()
        for kind in ("rayservices", "rayclusters", "rayjobs"):
            self.plane.kubectl("delete", "crd", f"{kind}.ray.io", "--wait=false", "--ignore-not-found")

    def all(self, kind: str, workspace: str, **labels: str) -> list[Object]:
        """Return the Workspace's objects of a kind, by their labels; secrets by their names."""
        items: list[Object] = (self.plane.fetch(PATHS[kind]) or {}).get("items") or []
        if kind == "secret":
            return [item for item in items if item["metadata"]["name"].startswith(f"{workspace}-")]
        wanted = {"kaito.sh/workspace": workspace, **labels}.items()
        return [item for item in items if wanted <= (item["metadata"].get("labels") or {}).items()]

    def workers(self, workspace: str) -> list[Object]:
        """Return the pods of its workers that do not end."""
        pods = self.all("pod", workspace, **{"ray.io/node-type": "worker"})
        return [pod for pod in pods if "deletionTimestamp" not in pod["metadata"]]

    def left(self, workspace: str) -> list[str]:
        """Return what there is of a Workspace, by kind and name."""
        return [f"{kind}/{each['metadata']['name']}" for kind in PATHS for each in self.all(kind, workspace)]


@contextmanager
def running_kuberay(plane: Cluster, assets: Path, shift: Shift, *flags: str) -> Iterator[KubeRay]:
    """Yield KubeRay, and no operator of ours: it looks for a kind that was missing only every quarter of a minute.

    The test is skipped where KubeRay is not among the programs.
    """
    if not is_there(assets):
        pytest.skip(f"{HOW_TO_GET_THEM}, kuberay-operator and kuberay-crds.yaml")
    shift.off()
    started = KubeRay.start(plane, *flags)
    yield started
    started.stop()
