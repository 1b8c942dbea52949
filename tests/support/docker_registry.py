"""The real ``docker-registry`` on loopback, for tests that push and pull images.

To use it, import the fixtures ``open_registry`` and ``closed_registry`` in the ``conftest.py`` of a folder.
"""

from __future__ import annotations

import base64
import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from tests.support.waiting import wait_until

from llmwright.testing.cluster.programs import free_port


class DockerRegistry:
    """The real ``docker-registry`` on a free loopback port; with ``htpasswd``, one user pat with password pa55:word.

    ``token`` is its configuration for access tokens (realm, service, issuer, rootcertbundle).
    """

    USER, PASSWORD = "pat", "pa55:word"
    HTPASSWD = "pat:$2y$04$zDvMWECRPIreBE5l0.KgJONI4Qn7LJv0JmJ62ulOllDUpDKSPLi3O\n"

    def __init__(self, program: str, folder: Path, *, htpasswd: bool, token: dict[str, str] | None = None) -> None:
        self.port = free_port()
        self.host = f"127.0.0.1:{self.port}"
        self.storage = folder / "storage"
        (folder / "htpasswd").write_text(self.HTPASSWD)
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
        }
        if htpasswd:
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        if token:
            config["auth"] = {"token": token}
        (folder / "config.yml").write_text(json.dumps(config))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
        wait_until(lambda: self._listens(folder / "log"), f"docker-registry listens: see {folder / 'log'}")

    def _listens(self, log: Path) -> bool:
        assert self._process.poll() is None, log.read_text()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def uploads(self) -> list[Path]:
        """Upload sessions that are open in the store (docker-registry keeps a hash state even of cancelled ones)."""
        return sorted(path.parent for path in self.storage.glob("**/_uploads/*/startedat"))

    def begin_upload(self, repository: str, user: str, password: str) -> bool:
        """Open an upload session and leave it open."""
        connection = HTTPConnection("127.0.0.1", self.port)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        connection.request("POST", f"/v2/{repository}/blobs/uploads/", headers={"Authorization": f"Basic {token}"})
        status = connection.getresponse().status
        connection.close()
        return status == 202

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()


def docker_registry(
    folder: Path, *, htpasswd: bool = False, token: dict[str, str] | None = None
) -> Iterator[DockerRegistry]:
    """Start one, and end it after the ``yield``; a test without the program is skipped."""
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (Debian package docker-registry)")
    registry = DockerRegistry(program, folder, htpasswd=htpasswd, token=token)
    yield registry
    registry.close()


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """One that lets everybody in."""
    yield from docker_registry(tmp_path_factory.mktemp("open"), htpasswd=False)


@pytest.fixture(scope="session")
def closed_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """One that wants a password."""
    yield from docker_registry(tmp_path_factory.mktemp("closed"), htpasswd=True)
