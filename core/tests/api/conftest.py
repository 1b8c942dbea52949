"""A real API server (with etcd and nothing else), for tests marked ``cluster``."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.support.programs import assets
from tests.support.waiting import wait_until

from llmwright.testing.cluster.programs import free_port

TOKEN = "for-tests-only"


@dataclass(frozen=True)
class Cluster:
    """``kubectl`` against the server, with all rights."""

    programs: Path
    server: str
    client: httpx.Client

    def kubectl(self, *arguments: str, text: str = "") -> subprocess.CompletedProcess[str]:
        access = (
            "--server",
            self.server,
            "--token",
            TOKEN,
            "--insecure-skip-tls-verify=true",
            "--kubeconfig=/dev/null",
        )
        command = [str(self.programs / "kubectl"), *access, *arguments]
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False)

    def merge(self, path: str, patch: dict[str, Any]) -> tuple[int, str]:
        """Send a merge patch, much quicker than ``kubectl`` does; return the status and the text of the answer."""
        headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/merge-patch+json"}
        answer = self.client.patch(f"{self.server}{path}", json=patch, headers=headers)
        return answer.status_code, answer.text


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    folder = assets()
    directory = tmp_path_factory.mktemp("cluster")
    running: list[subprocess.Popen[bytes]] = []
    try:
        server = start(folder, directory, running)
        with httpx.Client(verify=False) as client:
            yield Cluster(folder, server, client)
    finally:
        for process in reversed(running):
            process.kill()  # nothing in it is worth the half minute that an orderly end takes
            process.wait()


def start(folder: Path, directory: Path, running: list[subprocess.Popen[bytes]]) -> str:
    client, peer, secure = free_port(), free_port(), free_port()
    key = directory / "accounts.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    (directory / "tokens.csv").write_text(f"{TOKEN},tester,tester,system:masters\n")
    etcd, server = f"http://127.0.0.1:{client}", f"https://127.0.0.1:{secure}"
    commands = (
        [
            "etcd",
            f"--data-dir={directory / 'etcd'}",
            "--unsafe-no-fsync",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-advertise-peer-urls=http://127.0.0.1:{peer}",
            f"--initial-cluster=default=http://127.0.0.1:{peer}",
        ],
        [
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            "--advertise-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--cert-dir={directory / 'certificates'}",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={key}",
            f"--service-account-signing-key-file={key}",
            f"--token-auth-file={directory / 'tokens.csv'}",
            "--authorization-mode=RBAC",
            "--disable-admission-plugins=ServiceAccount",
            "--service-cluster-ip-range=10.96.0.0/24",
        ],
    )
    for program, *arguments in commands:
        with (directory / f"{program}.log").open("wb") as log:
            running.append(subprocess.Popen([str(folder / program), *arguments], stdout=log, stderr=log))
    wait_until(lambda: is_ready(server, running, directory), f"the API server is ready: see {directory}", every_s=0.2)
    return server


def is_ready(server: str, running: list[subprocess.Popen[bytes]], directory: Path) -> bool:
    ended = [process for process in running if process.poll() is not None]
    assert not ended, (directory / "kube-apiserver.log").read_text()[-3000:]
    try:
        return httpx.get(f"{server}/readyz", headers={"Authorization": f"Bearer {TOKEN}"}, verify=False).is_success
    except httpx.HTTPError:
        return False
