"""A RayCluster whose workers run on machines of an agent pool of AKS: a runtime asks nobody who brings its nodes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.cluster.support.azure import Azure, azure, environ, on_aks, settings
from tests.cluster.support.kuberay import KubeRay, running_kuberay
from tests.cluster.support.operating import Shift
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

__all__ = ["azure", "environ", "settings"]

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

PATIENCE_S = 240.0


@pytest.fixture(scope="module")
def kuberay(plane: Cluster, assets: Path, shift: Shift) -> Iterator[KubeRay]:
    with running_kuberay(plane, assets, shift) as started:
        yield started


def test_a_worker_runs_on_each_machine_of_the_pool_and_the_others_are_given_back(
    kuberay: KubeRay, workspaces: Workspaces, azure: Azure
) -> None:
    name = "rays-on-aks"
    wanted = on_aks(workspaces.inference(name))
    wanted["inference"] |= {"runtime": "ray", "replicas": 2}
    workspaces.apply(wanted)

    def nodes() -> list[str]:
        return sorted(node["metadata"]["name"] for node in workspaces.plane.get("nodes", f"-lws={name}"))

    def places(kind: str) -> list[str]:
        pods = kuberay.all("pod", name, **{"ray.io/node-type": kind})
        return sorted(pod["spec"].get("nodeName", "") for pod in pods if "deletionTimestamp" not in pod["metadata"])

    wait_until(lambda: [*azure.pools.values()] == [2], "one pool of two machines", PATIENCE_S)
    wait_until(lambda: len(nodes()) == 2 and places("worker") == nodes(), "a worker on each", PATIENCE_S)
    wait_until(lambda: places("head") and set(places("head")) <= {*nodes()}, "the head on one of them", PATIENCE_S)
    patch = json.dumps({"inference": {"replicas": 1}})
    workspaces.plane.kubectl("patch", "workspace", name, "--type=merge", "-p", patch)
    wait_until(lambda: [*azure.pools.values()] == [1], "one machine is given back", PATIENCE_S)
    wait_until(lambda: len(places("worker")) == 1 and places("worker") == places("head"), "one is left", PATIENCE_S)
    azure.delete(workspaces, name)
    wait_until(lambda: not kuberay.left(name), "nothing is left")
