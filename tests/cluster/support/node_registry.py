"""The registry of a real node: the real ``docker-registry`` with TLS and a password, at the node's address."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from tests.support.docker_registry import DockerRegistry
from tests.support.waiting import wait_until

from llmwright.targets.local.process.child import END_WITH_PARENT
from llmwright.testing.cluster.certificates import issue
from llmwright.testing.cluster.programs import free_port

HOSTS = """\
server = "https://{host}"
ca = "{authority}"

[host."https://{host}"]
  ca = "{authority}"
"""


class NodeRegistry:
    """Trusted through the cluster's own certificate authority; one user."""

    USER, PASSWORD = DockerRegistry.USER, DockerRegistry.PASSWORD

    def __init__(self, control: Path, folder: Path, address: str) -> None:
        """``control`` holds the certificate authority."""
        self.host = f"{address}:{free_port()}"
        self.authority = control / "ca.crt"
        self.certificates = folder / "registry-certificates"
        self.certificates.mkdir()
        shutil.copy(self.authority, self.certificates)
        issue(control, "registry", "/CN=registry", f"IP:{address}")
        (folder / "htpasswd").write_text(DockerRegistry.HTPASSWD)
        config = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(folder / "images")}, "delete": {"enabled": True}},
            "auth": {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}},
            "http": {
                "addr": self.host,
                "tls": {"certificate": str(control / "registry.crt"), "key": str(control / "registry.key")},
            },
        }
        (folder / "registry.yml").write_text(json.dumps(config))
        program = shutil.which("docker-registry")
        assert program, "docker-registry is not installed"
        with (folder / "registry.log").open("wb") as log:
            # Tests that are killed close nothing, so it ends with them.
            ending = (sys.executable, "-I", "-S", str(END_WITH_PARENT), str(os.getpid()))
            command = [*ending, program, "serve", str(folder / "registry.yml")]
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        wait_until(self._listens, f"docker-registry listens: see {folder / 'registry.log'}")

    def trust_in(self, folder: Path) -> None:
        """Have containerd, whose registries are described in ``folder``, trust this one."""
        own = folder / self.host
        own.mkdir(parents=True)
        (own / "hosts.toml").write_text(HOSTS.format(host=self.host, authority=self.authority))

    def logins(self, password: str = PASSWORD) -> dict[str, Any]:
        """The content of a Docker configuration with the password, or with another."""
        token = base64.b64encode(f"{self.USER}:{password}".encode()).decode()
        return {"auths": {self.host: {"auth": token}}}

    def push(self, archive: bytes, name: str) -> str:
        """Push an image that ``docker save`` could have written; return its whole name."""
        image = f"{self.host}/{name}"
        with tempfile.NamedTemporaryFile(suffix=".tar") as file:
            file.write(archive)
            file.flush()
            self.skopeo("copy", f"docker-archive:{file.name}", f"docker://{image}", side="dest-")
        return image

    def skopeo(self, verb: str, *arguments: str, side: str = "") -> str:
        """Return the answer of ``skopeo``, with the password for the ``side`` (``dest-``) that is this registry."""
        trust = (f"--{side}creds={self.USER}:{self.PASSWORD}", f"--{side}cert-dir={self.certificates}")
        done = subprocess.run(["skopeo", verb, *trust, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"skopeo {verb} {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def close(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()

    def _listens(self) -> bool:
        assert self._process.poll() is None, "docker-registry ended"
        host, _, port = self.host.partition(":")
        with contextlib.suppress(OSError), socket.create_connection((host, int(port)), 1):
            return True
        return False
