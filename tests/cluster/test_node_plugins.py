"""A stranger's provisioner in an operator that runs on a real node: by an image of its own, and by the chart."""

from __future__ import annotations

import hashlib
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support.node_images import push
from tests.cluster.support.node_keeper import ADDRESS
from tests.cluster.support.node_release import SYSTEM, Installation, served
from tests.cluster.support.real_node import RealNode
from tests.images.support.image_builds import call
from tests.support.desk import PLUGIN, open_desk
from tests.support.waiting import wait_until

from llmwright.testing.cluster.certificates import issue

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(2400)]

LABEL = "plugins"
NAME = "localhost/acme/operator:1"


@pytest.fixture(scope="module")
def installed(
    real_node: RealNode, node_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    found = Installation(real_node, tmp_path_factory.mktemp("release"), node_images, LABEL)
    found.prepare()
    found.install()
    assert real_node.plane.start_kwok(), "machines of the desk become nodes of KWOK"
    yield found
    found.remove()


@pytest.fixture(scope="module")
def desk() -> Iterator[tuple[Any, str]]:
    with open_desk(host=ADDRESS, boot_s=0.2) as opened:
        yield opened


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example's wheel, in a folder of its own."""
    folder = tmp_path_factory.mktemp("index") / "acme-desk"
    folder.mkdir()
    build = ["-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation", "-w", str(folder), str(PLUGIN)]
    subprocess.run([sys.executable, *build], check=True)
    (built,) = folder.glob("*.whl")
    (folder / "index.html").write_text(f'<a href="{built.name}">{built.name}</a>')
    return built


@pytest.fixture(scope="module")
def index(installed: Installation, wheel: Path) -> Iterator[str]:
    """The address of a package index that the company's certificate stands for."""
    keys = installed.plane.folder
    issue(keys, "index", "/CN=index", f"IP:{ADDRESS}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(keys / "index.crt", keys / "index.key")
    with served(wheel.parent.parent, context) as address:
        yield address


def test_a_plugin_whose_hash_is_another_is_not_installed_and_the_old_operator_goes_on(
    installed: Installation, wheel: Path, index: str
) -> None:
    before, wrong = installed.operators(), "0" * 64
    installed.chart = _by_chart(index, wrong)
    installed.upgrade()
    (new,) = _await(installed, before)
    log = ("logs", "-n", SYSTEM, new, "-c", "plugins")
    right = hashlib.sha256(wheel.read_bytes()).hexdigest()
    wait_until(lambda: right in installed.plane.kubectl(*log, check=False), "pip names the hash", 120)
    said = installed.plane.kubectl(*log)
    print(said)
    assert wrong in said
    assert "DO NOT MATCH" in said
    running = [pod for pod in installed.plane.get("pods", "-n", SYSTEM) if _is_ready(pod)]
    assert {pod["metadata"]["uid"] for pod in running} == before


def test_a_plugin_whose_hash_matches_is_there(installed: Installation, wheel: Path, index: str) -> None:
    installed.chart = _by_chart(index, hashlib.sha256(wheel.read_bytes()).hexdigest())
    installed.upgrade("--wait", "--timeout", "5m")
    assert "acme-desk" in installed.shell("deployment/llmwright-operator", "llmwright plugins list", "-n", SYSTEM)


def test_a_plugin_in_an_image_rents_a_machine_for_a_workspace_that_names_it(
    installed: Installation, desk: tuple[Any, str], wheel: Path, tmp_path: Path
) -> None:
    shutil.copy(PLUGIN / "Containerfile", tmp_path)
    shutil.copy(wheel, tmp_path)
    call("buildah", "build", "--isolation", "chroot", "--pull-never", "-q", "-t", NAME, str(tmp_path))
    repository, _, tag = push(installed.node.registry, NAME, "acme/operator:1").rpartition(":")
    image = {"repository": repository, "tag": tag}
    installed.chart = {"image": image, "provisioner": {"name": "byo", "inImage": True}}
    books, address = desk
    installed.upgrade("--wait", "--timeout", "5m", plugins={"provisioner": {"desk": {"url": address}}})
    workspace = yaml.safe_load((PLUGIN / "demo.yaml").read_text())
    assert workspace["resource"]["provisioner"] == "desk"
    workspace["metadata"]["namespace"] = "default"
    plane = installed.plane
    plane.apply(workspace)
    wait_until(lambda: [one for one in books.listed() if one["state"] == "running"], "a machine is rented", 60)
    (machine,) = books.listed()
    plane.add_node(machine["name"], machine["labels"])
    installed.until("desk-demo", "Ready", 2)
    (pod,) = plane.get("pods", "-lkaito.sh/workspace=desk-demo")
    assert pod["spec"]["nodeName"] == machine["name"]
    plane.kubectl("delete", "workspace", "desk-demo", "--timeout=60s")
    assert books.listed() == []
    plane.remove_node(machine["name"])


def _by_chart(index: str, digest: str) -> dict[str, Any]:
    plugin = {"name": "acme-desk", "version": "1.0", "hashes": [f"sha256:{digest}"]}
    trust = {"configMap": "company-ca"}
    return {"plugins": [plugin], "pluginIndex": {"url": index}, "caBundle": trust}


def _await(installed: Installation, before: set[str]) -> list[str]:
    """The names of the operators that are not of ``before``, once there are such."""

    def new() -> list[str]:
        pods = installed.plane.get("pods", "-n", SYSTEM)
        return [pod["metadata"]["name"] for pod in pods if pod["metadata"]["uid"] not in before]

    wait_until(new, "a new operator is made", 60)
    return new()


def _is_ready(pod: dict[str, Any]) -> bool:
    conditions = pod["status"].get("conditions") or []
    return any((one["type"], one["status"]) == ("Ready", "True") for one in conditions)
