"""Weights on their way to a pod of a real node: what the Workspace tells of them, whoever fetches them."""

from __future__ import annotations

import json
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
from tests.support.slow_pipe import SlowPipe
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
    company_ca(real_node)
    env = {"HF_ENDPOINT": hub.url, "SSL_CERT_FILE": "/etc/company-ca/ca.crt"}
    asks = {
        "name": "*",
        "env": [{"name": name, "value": value} for name, value in env.items()],
        "volumeMounts": [{"name": "company-ca", "mountPath": "/etc/company-ca", "readOnly": True}],
    }
    pods = {
        "imagePullSecrets": [{"name": "registry"}],
        "volumes": [{"name": "company-ca", "configMap": {"name": "company-ca"}}],
        "containers": [asks],
    }
    settings = {
        "provisioner": "byo",
        "images": {"workload": node_images["workload"]},
        "sources": {"allow": [ADDRESS]},
        "pods": {"spec": pods},
    }
    with real_node.plane.operator(settings, {"HF_ENDPOINT": hub.url}):
        yield
        real_node.plane.kubectl("delete", "workspaces", "--all", "--timeout=60s")
        wait_until(lambda: not real_node.plane.get("pods"), "no pod is left")
    real_node.plane.uninstall()


def company_ca(real_node: RealNode) -> None:
    """The certificate by which pods trust the registry, where the settings mount it."""
    data = {"ca.crt": real_node.registry.authority.read_text()}
    about = {"name": "company-ca", "namespace": "default"}
    real_node.plane.apply({"apiVersion": "v1", "kind": "ConfigMap", "metadata": about, "data": data})


def llmwright(real_node: RealNode, folder: Path, *arguments: str, **variables: str) -> str:
    """What our command line prints of the cluster."""
    own = {"KUBECONFIG": str(real_node.plane.kubeconfig), "XDG_CONFIG_HOME": str(folder)}
    environ = {**os.environ, **own, "LLMWRIGHT_TARGET": "kubernetes", **variables}
    command = [sys.executable, "-m", "llmwright", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=folder)
    print(f"$ llmwright {' '.join(arguments)}\n{done.stdout}{done.stderr}")
    return done.stdout


def told(real_node: RealNode, name: str) -> dict[str, Any]:
    download: dict[str, Any] = real_node.plane.status(name).get("download") or {}
    return download


def is_told_within_seconds(real_node: RealNode, folder: Path, name: str) -> None:
    """The status, `describe` and `get` tell of weights whose first bytes have just come."""
    begun = time.monotonic()
    wait_until(lambda: told(real_node, name).get("bytesPerSecond"), "the status tells it", 60)
    took, first = time.monotonic() - begun, told(real_node, name)
    print(f"{took:.1f} s after the first bytes the status tells {first}")
    assert took < WITHIN_S
    assert 0 < first["bytes"] < first["totalBytes"]
    wait_until(lambda: told(real_node, name).get("bytes", 0) > first["bytes"], "it goes on", 60)
    assert " of 6." in llmwright(real_node, folder, "describe", name).partition("Download:")[2].splitlines()[0]
    row = llmwright(real_node, folder, "get", name, "-o", "wide").splitlines()[-1]
    assert "weights " in row


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
    is_told_within_seconds(real_node, tmp_path, "fetches")
    hub.hurry.set()
    plane.until("fetches", "InferenceReady", timeout_s=300)
    assert not told(real_node, "fetches")


def test_a_model_in_an_image_is_told_while_a_step_before_the_server_pulls_it(
    real_node: RealNode, operator: None, tmp_path: Path
) -> None:
    plane, registry = real_node.plane, real_node.registry
    slow = SlowPipe(registry.host, ADDRESS)
    try:
        logins = registry.logins()
        (login,) = logins["auths"].values()
        logins["auths"][slow.host] = login
        (tmp_path / "config.json").write_text(json.dumps(logins))
        access = {"DOCKER_CONFIG": str(tmp_path), "SSL_CERT_FILE": str(registry.authority)}
        (tmp_path / "llmwright.yaml").write_text(f"sources: {{allow: [{ADDRESS}]}}\n")
        to = f"oci://{registry.host}/models/demo:1"
        pushed = llmwright(real_node, tmp_path, "model", "push", "demo", to, **access)
        image = pushed.split()[-1].removeprefix("oci://").replace(registry.host, slow.host)
        plane.kubectl("create", "secret", "docker-registry", "slow", f"--from-file={tmp_path / 'config.json'}")
        options = {"image": image, "imagePullSecrets": ["slow"]}
        preset = {"name": "demo", "accessMode": "private", "presetOptions": options}
        plane.apply(
            {
                "apiVersion": "kaito.sh/v1beta1",
                "kind": "Workspace",
                "metadata": {"name": "pulls", "namespace": "default"},
                "resource": {"labelSelector": {"matchLabels": LABEL}},
                "inference": {"preset": preset, "runtime": "hf"},
            }
        )
        wait_until(lambda: state_of_step(real_node, "pulls") == "running", "the step runs", 300)
        is_told_within_seconds(real_node, tmp_path, "pulls")
        slow.hurry.set()
        plane.until("pulls", "InferenceReady", timeout_s=300)
        assert not told(real_node, "pulls")
    finally:
        slow.close()
        plane.kubectl("delete", "secret", "slow", "--ignore-not-found")


def state_of_step(real_node: RealNode, workspace: str) -> str:
    """The state of the only init container of a server's pod; empty where there is none yet."""
    pod = real_node.plane.fetch(f"/api/v1/namespaces/default/pods/{workspace}-0") or {}
    steps = (pod.get("status") or {}).get("initContainerStatuses") or [{"state": {"": {}}}]
    return str(next(iter(steps[0]["state"]), ""))
