"""What a server of a runtime's own kind is said to be."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.manifests.object_metadata import NODES
from llmwright.targets.kubernetes.operator.observe.workloads import runtime_workload


def unseen(nodes: str) -> dict[str, Any]:
    """An object at whose latest change its controller has not looked."""
    about = {"name": "w", "annotations": {NODES: nodes}, "generation": 2}
    return {"metadata": about, "status": {"observedGeneration": 1}}


POD: dict[str, Any] = {
    "metadata": {"name": "w-head", "uid": "1", "labels": {}, "ownerReferences": []},
    "spec": {},
    "status": {"phase": "Running", "containers": []},
}


@pytest.mark.parametrize(("nodes", "settled", "ending"), [("0", True, 1), ("1", False, 0)])
def test_a_server_without_nodes_is_told_by_the_pods_that_are_left(nodes: str, settled: bool, ending: int) -> None:
    found = runtime_workload(unseen(nodes), [POD], lambda _: None, "http://w")
    assert (found.asked, found.settled, found.ending) == (int(nodes), settled, ending)
    assert runtime_workload(unseen("0"), [], lambda _: None, "http://w").ending == 0
