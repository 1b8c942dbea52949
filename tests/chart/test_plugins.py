"""Plugins come by their hashes: the chart's init container, as a process of the real ``pip`` with a real index."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from tests.chart.support.helm import Helm

Object = dict[str, Any]

WHEEL = "acme_machines-1.2.0-py3-none-any.whl"
ABOUT = "acme_machines-1.2.0.dist-info"
CODE = """\
from llmwright.provisioners.byo import ByoProvisioner

class Acme(ByoProvisioner):
    pass
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel with a provisioner ``acme``, in an index of one package."""
    path = tmp_path_factory.mktemp("index") / "acme-machines" / WHEEL
    path.parent.mkdir()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("acme_machines.py", CODE)
        archive.writestr(f"{ABOUT}/METADATA", "Metadata-Version: 2.1\nName: acme-machines\nVersion: 1.2.0\n")
        archive.writestr(f"{ABOUT}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{ABOUT}/entry_points.txt", "[llmwright.provisioners.v1]\nacme = acme_machines:Acme\n")
        archive.writestr(f"{ABOUT}/RECORD", "")
    (path.parent / "index.html").write_text(f'<a href="{WHEEL}">{WHEEL}</a>')
    return path


@pytest.fixture(scope="module")
def index(wheel: Path) -> Iterator[str]:
    """The URL of the index."""
    server = ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(wheel.parent.parent))
    )
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def run_init_container(helm: Helm, folder: Path, index: str, digest: str) -> subprocess.CompletedProcess[str]:
    """What the init container does, with folders of this machine."""
    plugin = {"name": "acme-machines", "version": "1.2.0", "hashes": [f"sha256:{digest}"]}
    values = {"provisioner": {"name": "acme"}, "plugins": [plugin], "pluginIndex": {"url": index}}
    lines = helm.one("ConfigMap", "llmwright-operator", values)["data"]["plugins.txt"]
    (folder / "plugins.txt").write_text(lines)
    pod = helm.one("Deployment", "llmwright-operator", values)["spec"]["template"]["spec"]
    (container,) = pod["initContainers"]
    places = {"/etc/llmwright/plugins.txt": f"{folder}/plugins.txt", "/plugins": f"{folder}/plugins"}
    words = [*container["command"][1:], *container["args"]]
    for place, here in places.items():
        words = [word.replace(f"={place}", f"={here}") for word in words]
    # As the image has it, whose variable must not win over the folder that is named here.
    environ = {"PATH": os.environ["PATH"], "PIP_PREFIX": "/nowhere", "PIP_CONFIG_FILE": os.devnull}
    environ |= {each["name"]: each["value"] for each in container["env"]} | {"HOME": str(folder)}
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, env=environ, check=False)


def test_a_plugin_whose_hash_matches_is_there_for_the_operator(
    helm: Helm, wheel: Path, index: str, tmp_path: Path
) -> None:
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    for _ in range(2):  # a container that starts again finds the folder filled
        done = run_init_container(helm, tmp_path, index, digest)
        assert done.returncode == 0, done.stdout + done.stderr
    command = [sys.executable, "-m", "llmwright", "plugins", "list"]
    environ = {**os.environ, "PYTHONPATH": f"{tmp_path}/plugins"}
    listed = subprocess.run(command, capture_output=True, text=True, env=environ, check=False).stdout
    (line,) = [line for line in listed.splitlines() if "acme" in line]
    assert line.split()[:4] == ["provisioner", "acme", "acme-machines", "1.2.0"]


def test_a_plugin_whose_hash_does_not_match_is_not_installed(
    helm: Helm, wheel: Path, index: str, tmp_path: Path
) -> None:
    wrong, right = "0" * 64, hashlib.sha256(wheel.read_bytes()).hexdigest()
    done = run_init_container(helm, tmp_path, index, wrong)
    assert done.returncode != 0
    assert not (tmp_path / "plugins").exists()
    said = done.stdout + done.stderr
    assert wrong in said, said
    assert right in said, said
