"""Weights as an image volume, on a cluster whose API server has its feature gate off, and on one that has it on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.operating import BUYING, SETTINGS
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.support.earlier_kubernetes import with_option
from tests.support.programs import HOW_TO_GET_THEM

from llmwright.testing.cluster import Cluster

pytestmark = pytest.mark.cluster

TYPE = "Standard_NC24ads_A100_v4"
IMAGE = "registry.example/models/demo:1"
FROM_IMAGE = {
    "preset": {"name": "demo", "accessMode": "private", "presetOptions": {"image": IMAGE}},
    "runtime": "hf",
}


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {**BUYING, "imageVolumes": True}


def test_a_cluster_that_mounts_no_images_says_so(workspaces: Workspaces) -> None:
    wanted = workspaces.inference("mounted", instanceType=TYPE)
    wanted["inference"] = FROM_IMAGE
    workspaces.apply(wanted)
    workspaces.until("mounted", "Stalled", reason="PodRefused")
    told = workspaces.told("mounted", "Stalled")["message"]
    assert "leave out the volume model-weights-volume" in told
    assert "set imageVolumes: false, or turn on its feature gate ImageVolume" in told
    assert workspaces.plane.get(CLAIMS, "-lkaito.sh/workspace=mounted") == []


def test_nodes_that_somebody_brings_get_no_pod_without_its_weights(workspaces: Workspaces) -> None:
    workspaces.node("brought-node", "brought")
    wanted = workspaces.inference("brought", provisioner="byo")
    wanted["inference"] = FROM_IMAGE
    workspaces.apply(wanted)
    workspaces.until("brought", "Stalled", reason="PodRefused")
    assert workspaces.condition("brought", "NodesReady")[0] == "True"
    assert workspaces.condition("brought", "ResourceReady") == ("False", "PodRefused")
    assert "leave out the volume model-weights-volume" in workspaces.told("brought", "Ready")["message"]
    assert workspaces.one("statefulset", "brought") is None


@pytest.fixture
def gated(assets: Path, tmp_path: Path) -> Iterator[Workspaces]:
    """A cluster with the gate on, and an operator whose settings say so."""
    programs = with_option(assets, "--feature-gates=ImageVolume=true", tmp_path / "programs")
    plane = Cluster.start(programs, tmp_path / "plane")
    try:
        plane.install()
        if not plane.start_kwok():
            pytest.skip(HOW_TO_GET_THEM)
        with plane.operator({**SETTINGS, "imageVolumes": True}):
            yield Workspaces(plane)
    finally:
        plane.stop()


def test_with_the_gate_the_pod_mounts_the_image_and_pulls_nothing(gated: Workspaces) -> None:
    """KWOK says that the pod runs: a container runtime that mounts images is in no test."""
    gated.node("mounting-node", "mounting")
    wanted = gated.inference("mounting", provisioner="byo")
    wanted["inference"] = FROM_IMAGE
    gated.apply(wanted)
    gated.until("mounting", "InferenceReady")
    pod = gated.one("pod", "mounting-0")
    assert pod is not None
    (image,) = (each["image"] for each in pod["spec"]["volumes"] if "image" in each)
    assert image["reference"] == IMAGE
    (container,) = pod["spec"]["containers"]
    (mount,) = (each for each in container["volumeMounts"] if each["name"] == "model-weights-volume")
    assert (mount["subPath"], mount["readOnly"]) == ("data", True), "the directory of an image that `model push` makes"
    assert mount["mountPath"] in container["command"]
    assert "initContainers" not in pod["spec"]
