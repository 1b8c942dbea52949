"""A real node with the chart installed: what its pods may do, who shares it, and what an uninstall leaves alone."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator

import pytest
from tests.cluster.support.node_release import NO_RIGHTS_LEFT, RELEASE, SYSTEM, Installation, installed_for
from tests.cluster.support.real_node import RealNode
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(2400)]

LABEL = "shared"
WITHIN_S = 10.0
"""So long after its pod a Workspace may say what is wrong."""
SERVERS = ("one", "two")
TOKEN = "ls /var/run/secrets/kubernetes.io 2>&1 || true"


@pytest.fixture(scope="module")
def installed(
    real_node: RealNode, node_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    with installed_for(LABEL, real_node, node_images, tmp_path_factory.mktemp("release")) as found:
        yield found


@pytest.fixture(scope="module")
def servers(installed: Installation) -> tuple[str, ...]:
    """Two Workspaces that serve at once."""
    installed.serve(*SERVERS)
    return SERVERS


def test_two_small_servers_share_the_node(installed: Installation, servers: tuple[str, ...]) -> None:
    pods = installed.plane.get("pods", "-lkaito.sh/workspace")
    requested = [one["resources"]["requests"]["cpu"] for pod in pods for one in pod["spec"]["containers"]]
    assert requested == ["500m"] * len(servers)
    assert {pod["spec"]["nodeName"] for pod in pods} == {installed.node.name}


@pytest.mark.parametrize("of", ["server", "operator"])
def test_a_pod_has_the_rights_that_restricted_leaves(
    installed: Installation, servers: tuple[str, ...], of: str
) -> None:
    where = ("deployment/llmwright-operator", ("-n", SYSTEM)) if of == "operator" else (f"{servers[0]}-0", ())
    pod, options = where
    assert installed.rights(pod, *options) == NO_RIGHTS_LEFT
    assert installed.room(pod, *options) == ({"/tmp"} if of == "operator" else {"/tmp", "/home/llmwright"})
    token = installed.shell(pod, TOKEN, *options)
    assert ("No such file" in token) == (of == "server")


def test_a_server_whose_node_is_drained(installed: Installation, servers: tuple[str, ...]) -> None:
    moved, stays = servers
    before = installed.pods()
    kubectl, plane = installed.plane.kubectl, installed.plane
    kubectl(
        "drain", installed.node.name, f"--pod-selector=kaito.sh/workspace={moved}", "--delete-emptydir-data",
        "--timeout=120s",
    )  # fmt: skip
    try:

        def is_out() -> bool:
            pod = plane.fetch(f"/api/v1/namespaces/default/pods/{moved}-0") or {"spec": {"nodeName": "yet"}}
            return "nodeName" not in pod["spec"]

        wait_until(is_out, "a new pod has no node", 60)
        seen = time.monotonic()
        wait_until(lambda: plane.condition(moved, "InferenceReady")["reason"] == "Unschedulable", "it says so", 60)
        took = time.monotonic() - seen
        print(f"drained: {took:.1f} s after its pod: {plane.condition(moved, 'InferenceReady')['message']}")
        assert took < WITHIN_S
        assert plane.condition(moved, "Ready")["status"] == "False"
        assert plane.condition(stays, "Ready")["status"] == "True"
    finally:
        kubectl("uncordon", installed.node.name)
    installed.until(moved, "Ready")
    assert installed.pods()[f"{stays}-0"] == before[f"{stays}-0"]


def test_an_uninstall_leaves_workspaces_alone_and_a_new_install_takes_them_up(
    installed: Installation, servers: tuple[str, ...]
) -> None:
    plane, before = installed.plane, installed.pods()
    assert len(before) == len(servers)
    said = installed.helm("uninstall", RELEASE, "--wait", "--timeout", "2m")
    print(said)
    assert "Workspaces are not deleted with the operator" in said
    assert "kubectl delete workspaces --all -A" in said
    assert {one["metadata"]["name"] for one in plane.get("workspaces")} == set(servers)
    assert installed.ask(servers[0], "Who are you?")
    plane.kubectl("delete", "service", servers[0])
    installed.install()
    service = f"/api/v1/namespaces/default/services/{servers[0]}"
    wait_until(lambda: plane.fetch(service), "the new operator looks after it", 60)
    for name in servers:
        installed.until(name, "Ready", 1)
    assert installed.pods() == before


def test_a_model_from_the_registry_is_pulled_into_the_pod(installed: Installation, servers: tuple[str, ...]) -> None:
    plane, registry = installed.plane, installed.node.registry
    plane.kubectl("delete", "workspace", servers[1], "--timeout=60s")
    image = f"{registry.host}/models/demo:1"
    access = {"DOCKER_CONFIG": _logins(installed), "SSL_CERT_FILE": str(registry.authority)}
    pushed = installed.llmwright("model", "push", "demo", f"oci://{image}", **access)
    digest = pushed.split()[-1].removeprefix("oci://")
    options = {"image": digest, "imagePullSecrets": ["registry"]}
    preset = {"name": "demo", "accessMode": "private", "presetOptions": options}
    installed.apply("by-image", {"inference": {"preset": preset}})
    installed.until("by-image", "Ready")
    pod = plane.get("pods", "-lkaito.sh/workspace=by-image")[0]
    assert "pull-model" in [one["name"] for one in pod["spec"]["initContainers"]]


def _logins(installed: Installation) -> str:
    folder = installed.folder / "docker"
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(installed.node.registry.logins()))
    return str(folder)
