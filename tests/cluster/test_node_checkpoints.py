"""A tuning pod that is deleted on a real node: the next one goes on from what the first left in the claim."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.node_release import Installation, installed_for, served
from tests.cluster.support.real_node import FOLDER, RealNode
from tests.support.programs import ROOT
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]

Object = dict[str, Any]

LABEL = "checkpoints"
NAME = "kept"
KEPT = FOLDER / NAME
COMMON = {"accessModes": ["ReadWriteMany"], "storageClassName": "by-hand"}
SIZE = {"storage": "1Gi"}


@pytest.fixture
def claim(real_node: RealNode) -> Iterator[str]:
    """A claim, bound to a directory of the node that every user may write."""
    KEPT.mkdir()
    KEPT.chmod(0o777)
    volume = {"kind": "PersistentVolume", "metadata": {"name": NAME},
              "spec": {**COMMON, "capacity": SIZE, "hostPath": {"path": str(KEPT)}}}  # fmt: skip
    claim = {"kind": "PersistentVolumeClaim", "metadata": {"name": NAME, "namespace": "default"},
             "spec": {**COMMON, "volumeName": NAME, "resources": {"requests": SIZE}}}  # fmt: skip
    real_node.plane.apply(*({"apiVersion": "v1", **each} for each in (volume, claim)))
    yield NAME
    real_node.plane.kubectl("delete", "persistentvolumeclaim", NAME, "--timeout=60s")
    real_node.plane.kubectl("delete", "persistentvolume", NAME, "--timeout=60s")


@pytest.fixture
def installed(
    real_node: RealNode, node_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """An operator for nodes that are there."""
    with installed_for(LABEL, real_node, node_images, tmp_path_factory.mktemp("release")) as found:
        yield found


def tuning(data: str, claim: str) -> Object:
    """A tuning of several checkpoints, whose result lies in the claim."""
    return {
        "preset": {"name": "demo"},
        "method": "lora",
        "methodConfig": {"training": {"max_steps": 300, "checkpoint_seconds": 1}},
        "input": {"urls": [f"{data}/questions.parquet"]},
        "output": {"volumeSource": {"persistentVolumeClaim": {"claimName": claim}}},
    }


def has_checkpoint() -> bool:
    """Whether one is whole: one that is still written lies in a folder of its own."""
    return any(".writing" not in path.parts for path in KEPT.rglob("checkpoint-*/complete.json"))


def test_the_next_pod_goes_on_and_its_result_is_served_from_the_claim(claim: str, installed: Installation) -> None:
    plane = installed.plane

    def pods() -> set[str]:
        """The names of the Job's pods."""
        found = plane.get("pods", f"-lkaito.sh/workspace={NAME},batch.kubernetes.io/job-name={NAME}")
        return {pod["metadata"]["name"] for pod in found}

    with served(ROOT / "examples/quickstart") as data:
        installed.apply(NAME, {"tuning": tuning(data, claim)})
        wait_until(has_checkpoint, "a checkpoint is in the claim", 300)
        (first,) = pods()
        plane.kubectl("delete", "pod", first, "--grace-period=1")
        wait_until(lambda: pods() and first not in pods(), "there is another pod", 60)
        installed.until(NAME, "WorkspaceSucceeded")
    (progress,) = KEPT.rglob("progress.jsonl")
    events = [json.loads(line) for line in progress.read_text().splitlines()]
    (resumed,) = (event for event in events if event["event"] == "resumed")
    print(f"the second pod began at step {resumed['step']}")
    assert resumed["step"] > 0
    installed.until(NAME, "InferenceReady", minutes=5)
    server = plane.get("pods", f"-lkaito.sh/workspace={NAME},!batch.kubernetes.io/job-name")[0]
    (mounted,) = (each for each in server["spec"]["volumes"] if each.get("persistentVolumeClaim"))
    mounts = server["spec"]["containers"][0]["volumeMounts"]
    assert [each.get("readOnly") for each in mounts if each["name"] == mounted["name"]] == [True]
    assert installed.ask(NAME, "Who are you?")
