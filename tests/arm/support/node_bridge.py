"""Nodes of agent pools on a real API server: KWOK makes them Ready, as kubelets of their machines would.

The machines of pools of mode System are left out, for they belong to the cluster that is there anyway. Device plugins are taken as installed:
a GPU is advertised as ``nvidia.com/gpu``, a MIG pool's slices too, as the device plugin's strategy ``single`` does.
"""  # noqa: E501

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

from tests.arm.support.cloud import Cloud
from tests.arm.support.nodes import PoolNode

BRIDGED = "arm.test/bridged"
FAKE_NODE = {"kwok.x-k8s.io/node": "fake"}
SLICES = {"MIG1g": 7, "MIG2g": 3, "MIG3g": 2, "MIG4g": 1, "MIG7g": 1}


class ApiServer(Protocol):
    """The part of a cluster of ``llmwright.testing.cluster`` that is needed here."""

    def kubectl(self, *arguments: str, stdin: str | None = None, check: bool = True) -> str:
        """Return the output of ``kubectl``."""

    def fetch(self, path: str) -> dict[str, Any] | None:
        """Return an object, None where there is none."""

    def delete(self, path: str) -> None:
        """Ask for an object to go."""


class NodeBridge:
    """Keeps the nodes of one API server those that the cloud's pools have. ``cloud.never_join`` holds nodes back."""

    def __init__(self, cloud: Cloud, plane: ApiServer) -> None:
        self._cloud, self._plane = cloud, plane
        self._made: set[str] = set()

    def step(self) -> None:
        """Make the nodes that have joined since, and remove those whose machines are gone."""
        with self._cloud.lock:
            pools = [pool for cluster in self._cloud.clusters.values() for pool in cluster.pools.values()]
            systems = {pool.name for pool in pools if pool.properties["mode"] == "System"}
            wanted = {node.name: node for node in self._cloud.nodes() if node.pool not in systems}
        missing = [self._object(node) for name, node in wanted.items() if name not in self._made]
        if missing:
            items = {"apiVersion": "v1", "kind": "List", "items": missing}
            self._plane.kubectl("create", "-f", "-", stdin=json.dumps(items))
        for name in self._made - wanted.keys():
            self._plane.delete(f"/api/v1/nodes/{name}")
        self._made = {*wanted}

    def remove_all(self) -> None:
        """Remove every node that was made here."""
        for name in self._made:
            self._plane.delete(f"/api/v1/nodes/{name}")
        self._made.clear()

    @contextmanager
    def running(self, every_s: float = 0.1) -> Iterator[NodeBridge]:
        """Step in a thread; remove all nodes at the end. An error of the thread is raised there."""
        ended, errors = threading.Event(), list[BaseException]()

        def work() -> None:
            try:
                while not ended.wait(every_s):
                    self.step()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            ended.set()
            thread.join()
            self.remove_all()
        if errors:
            raise errors[0]

    def _object(self, node: PoolNode) -> dict[str, Any]:
        sku = self._cloud.skus[node.vm_size]
        size = {"cpu": f"{sku.vcpus}", "memory": f"{sku.memory_gb:g}Gi", "ephemeral-storage": "1Ti", "pods": "110"}
        if sku.gpus:
            size["nvidia.com/gpu"] = f"{sku.gpus * SLICES.get(node.gpu_instance_profile, 1)}"
        return {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {"name": node.name, "labels": {**node.labels, BRIDGED: "true"}, "annotations": FAKE_NODE},
            "spec": {"providerID": node.provider_id, "taints": [_taint(text) for text in node.taints]},
            "status": {"capacity": size, "allocatable": size},
        }


def _taint(text: str) -> dict[str, str]:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}
