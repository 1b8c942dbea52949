"""Weights as an image volume, on a cluster whose API server does not have the feature gate on."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import CLAIMS, Workspaces

pytestmark = pytest.mark.cluster

TYPE = "Standard_NC24ads_A100_v4"
IMAGE = "registry.example/models/demo:1"


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    return {**BUYING, "imageVolumes": True}


def test_a_cluster_that_mounts_no_images_says_so(workspaces: Workspaces) -> None:
    wanted = workspaces.inference("mounted", instanceType=TYPE)
    preset = {"name": "demo", "accessMode": "private", "presetOptions": {"image": IMAGE}}
    wanted["inference"] = {"preset": preset, "runtime": "hf"}
    workspaces.apply(wanted)
    workspaces.until("mounted", "Stalled", reason="PodRefused")
    told = workspaces.told("mounted", "Stalled")["message"]
    assert "leave out the volume model-weights-volume" in told
    assert "set imageVolumes: false, or turn on its feature gate ImageVolume" in told
    assert workspaces.plane.get(CLAIMS, "-lkaito.sh/workspace=mounted") == []


def test_nodes_that_somebody_brings_get_no_pod_without_its_weights(workspaces: Workspaces) -> None:
    workspaces.node("brought-node", "brought")
    wanted = workspaces.inference("brought", provisioner="byo")
    preset = {"name": "demo", "accessMode": "private", "presetOptions": {"image": IMAGE}}
    wanted["inference"] = {"preset": preset, "runtime": "hf"}
    workspaces.apply(wanted)
    workspaces.until("brought", "Stalled", reason="PodRefused")
    assert workspaces.condition("brought", "NodesReady")[0] == "True"
    assert workspaces.condition("brought", "ResourceReady") == ("False", "PodRefused")
    assert "leave out the volume model-weights-volume" in workspaces.told("brought", "Ready")["message"]
    assert workspaces.one("statefulset", "brought") is None
