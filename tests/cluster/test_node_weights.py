"""Weights on their way to a pod of a real node: what the Workspace tells of them, whoever fetches them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.node_keeper import ADDRESS
from tests.cluster.support.ray_machine import own_address
from tests.cluster.support.real_node import RealNode
from tests.support.hub import Hub
from tests.support.waiting import wait_until

import llmwright_presets

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]

DEMO = Path(llmwright_presets.__file__).parent / "demo"
LABEL = {"apps": "weights"}
WITHIN_S = 12.0
"""So long after the first bytes came the Workspace may tell it: it asks every 5 s, on a busy machine a little later."""


@pytest.fixture
def hub(real_node: RealNode) -> Iterator[Hub]:
    """A hub that the node reaches, with the demo model, whose large file comes slowly until it is told to hurry."""
    other = own_address()
    if other in (None, ADDRESS):
        pytest.skip("large files lie under another address of this machine than the hub")
    hub = Hub(ADDRESS, str(other))
    hub.add("acme/demo", DEMO)
    hub.slow = frozenset({"model.safetensors"})
    yield hub
    hub.close()


@pytest.fixture
def operator(real_node: RealNode, node_images: dict[str, str], hub: Hub) -> Iterator[None]:
    """An operator whose pods ask that hub."""
    real_node.plane.install()
    real_node.pull_secret("default")
    real_node.label({**LABEL, "nvidia.com/gpu.present": "false"})
    asks = [{"name": "*", "env": [{"name": "HF_ENDPOINT", "value": hub.url}]}]
    settings = {
        "provisioner": "byo",
        "images": {"workload": node_images["workload"]},
        "sources": {"allow": [ADDRESS]},
        "pods": {"spec": {"imagePullSecrets": [{"name": "registry"}], "containers": asks}},
    }
    with real_node.plane.operator(settings, {"HF_ENDPOINT": hub.url}):
        yield
        real_node.plane.kubectl("delete", "workspaces", "--all", "--timeout=60s")
        wait_until(lambda: not real_node.plane.get("pods"), "no pod is left")
    real_node.plane.uninstall()


def llmwright(real_node: RealNode, folder: Path, *arguments: str) -> str:
    """What our command line prints of the cluster."""
    environ = {**os.environ, "KUBECONFIG": str(real_node.plane.kubeconfig), "XDG_CONFIG_HOME": str(folder)}
    command = [sys.executable, "-m", "llmwright", "--target", "kubernetes", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=folder)
    print(f"$ llmwright {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def test_a_model_of_the_hub_is_told_while_the_server_fetches_it(
    real_node: RealNode, operator: None, hub: Hub, tmp_path: Path
) -> None:
    plane = real_node.plane
    plane.apply(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "fetches", "namespace": "default"},
            "resource": {"labelSelector": {"matchLabels": LABEL}},
            "inference": {"preset": {"name": "acme/demo"}, "runtime": "hf"},
        }
    )
    wait_until(lambda: "model.safetensors" in hub.downloads, "the server fetches its weights", 300)
    begun = time.monotonic()

    def told() -> dict[str, Any]:
        download: dict[str, Any] = plane.status("fetches").get("download") or {}
        return download

    wait_until(lambda: told().get("bytesPerSecond"), "the status tells it", 60)
    took, first = time.monotonic() - begun, told()
    print(f"{took:.1f} s after the first bytes the status tells {first}")
    assert took < WITHIN_S
    assert 0 < first["bytes"] < first["totalBytes"]
    wait_until(lambda: told().get("bytes", 0) > first["bytes"], "it goes on", 60)
    assert " of 6." in llmwright(real_node, tmp_path, "describe", "fetches").partition("Download:")[2].splitlines()[0]
    row = llmwright(real_node, tmp_path, "get", "fetches", "-o", "wide").splitlines()[-1]
    assert "weights " in row
    hub.hurry.set()
    plane.until("fetches", "InferenceReady", timeout_s=300)
    assert not told()
