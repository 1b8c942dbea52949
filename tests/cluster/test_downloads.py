"""The weights that a pod fetches, as its Workspace tells of them on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.kubelet import Kubelet
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

pytestmark = pytest.mark.cluster

ADDRESS = "127.0.0.42"
"""Loopback has many addresses, so that nobody else listens at this port of it."""
FETCHES = {
    "event": "download",
    "bytes": 3 * 1024**3,
    "total": 12 * 1024**3,
    "bytes_per_second": 1e8,
    "seconds_left": 97,
}


class Telling:
    """The process of a pod that fetches weights: what it tells; None once it has fetched all."""

    def __init__(self) -> None:
        self.event: dict[str, Any] | None = FETCHES
        telling = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(telling.event).encode() if telling.event is not None else b""
                self.send_response(200 if body else 404)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self._server = ThreadingHTTPServer((ADDRESS, 8009), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def telling() -> Iterator[Telling]:
    found = Telling()
    yield found
    found.close()


def shown(workspaces: Workspaces, folder: Path, *arguments: str) -> str:
    """What ``llmwright ARGUMENTS`` prints of the cluster."""
    environ = {**os.environ, "KUBECONFIG": str(workspaces.plane.kubeconfig), "XDG_CONFIG_HOME": str(folder)}
    command = [sys.executable, "-m", "llmwright", "--target", "kubernetes", "-n", "default", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environ, cwd=folder).stdout


def test_bytes_share_and_rate_are_told_until_all_is_there(
    workspaces: Workspaces, telling: Telling, tmp_path: Path
) -> None:
    kubelet = Kubelet(workspaces.plane, "fetching-node")
    workspaces.node("fetching-node", "fetching", fake=False)
    kubelet.ready()
    wanted = workspaces.inference("fetching")
    wanted["inference"] = {"preset": {"name": "demo"}, "runtime": "hf"}
    workspaces.apply(wanted)
    workspaces.until("fetching", "ResourceReady")
    kubelet.runs_at("fetching-0", ADDRESS)

    def download() -> dict[str, Any] | None:
        told: dict[str, Any] | None = (workspaces.get("fetching").get("status") or {}).get("download")
        return told

    wait_until(download, "the download is told")
    expected = {"bytes": 3 * 1024**3, "totalBytes": 12 * 1024**3, "bytesPerSecond": 1e8, "secondsLeft": 97}
    assert download() == expected
    described = shown(workspaces, tmp_path, "describe", "fetching")
    assert "Download:    3.0 GiB of 12.0 GiB (25%), 95.4 MiB/s, 1m37s left\n" in described
    heading, row = shown(workspaces, tmp_path, "get", "fetching", "-o", "wide").splitlines()
    assert heading.endswith("PROGRESS")
    assert row.endswith("weights 25% of 12.0 GiB")
    telling.event = None
    wait_until(lambda: download() is None, "it is over")
    kubelet.serves("fetching-0")
    workspaces.until("fetching", "InferenceReady")
