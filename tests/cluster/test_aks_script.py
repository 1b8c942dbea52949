"""``make e2e-aks`` against the local Azure and the real API server: all of it but Azure itself."""

from __future__ import annotations

import http.server
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cluster.support.azure import Azure, azure, environ, on_aks
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

__all__ = ["azure", "environ"]

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

ROOT = Path(__file__).parents[2]
SERVING_PORT = 5000
NAME = "script"
MODELS = {"object": "list", "data": [{"id": "phi-4-mini-instruct", "object": "model"}]}
Script = Callable[[dict[str, Any]], tuple[int, str, dict[str, Any]]]


@pytest.fixture(scope="module")
def address() -> str:
    """An address of this machine at which the API server may reach a pod: it refuses loopback ones."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


@pytest.fixture
def model(address: str, plane: Cluster) -> Iterator[None]:
    """A server in place of the container that KWOK does not start: the pod is given its address."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            content = json.dumps(MODELS).encode()
            self.send_response(200 if self.path == "/v1/models" else 404)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    try:
        server = http.server.ThreadingHTTPServer((address, SERVING_PORT), Handler)
    except OSError:
        pytest.skip(f"port {SERVING_PORT} of {address} is taken")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lending = threading.Thread(target=_lend, args=(plane, address))
    lending.start()
    yield
    lending.join()
    server.shutdown()
    server.server_close()


def _lend(plane: Cluster, address: str) -> None:
    pod = f"/api/v1/namespaces/default/pods/{NAME}-0"
    wait_until(lambda: ((plane.fetch(pod) or {}).get("status") or {}).get("phase") == "Running", "the pod runs")
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}]}}
    plane.kubectl("patch", "pod", f"{NAME}-0", "--subresource=status", "--type=merge", "-p", json.dumps(status))


@pytest.fixture(scope="module")
def settings(azure: Azure) -> dict[str, Any]:
    return {"provisioner": "aks", "preflight": False, "plugins": {"provisioner": {"aks": azure.settings}}}


@pytest.fixture
def script(plane: Cluster, azure: Azure, settings: dict[str, Any], workspaces: Workspaces, tmp_path: Path) -> Script:
    """Runs the script as the Makefile does; returns its exit code, what it printed, and its report."""

    def run(workspace: dict[str, Any]) -> tuple[int, str, dict[str, Any]]:
        files = {"settings": settings, "workspace": workspace}
        for name, content in files.items():
            (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump(content))
        report = tmp_path / "report.json"
        arguments = [f"--{name} {tmp_path}/{name}.yaml" for name in files]
        arguments += [f"--report {report}", "--yes"]
        here = Path(sys.executable).parent
        variables = {"KUBECONFIG": str(plane.kubeconfig), "PATH": f"{plane.programs.assets}:{os.environ['PATH']}"}
        done = subprocess.run(
            ["make", "-s", "-o", ".venv/.workspace", "e2e-aks", f"BIN={here}", f"ARGS={' '.join(arguments)}"],
            cwd=ROOT, env={**os.environ, **azure.server.environ(), **variables}, capture_output=True, text=True,
            check=False, timeout=300,
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr, json.loads(report.read_text())

    return run


@pytest.mark.usefixtures("model")
def test_a_workspace_is_served_asked_and_leaves_nothing(script: Script, workspaces: Workspaces, azure: Azure) -> None:
    code, printed, report = script(on_aks(workspaces.inference(NAME)))
    assert code == 0, printed
    assert report["passed"] is True
    steps = {step["name"]: step["seen"] for step in report["steps"]}
    assert [*steps] == [
        "read settings and Workspace", "no pool of that Workspace is there", "apply", "serve", "pool", "ask", "delete",
        "nothing is left over",
    ]  # fmt: skip
    assert steps["ask"] == MODELS["data"]
    assert len(steps["pool"]) == 1
    assert azure.pools == {}
    assert {"pools.put", "pools.delete"} <= {call.kind for call in azure.cloud.calls}


def test_what_cannot_be_served_is_told_at_once_and_deleted(
    script: Script, workspaces: Workspaces, azure: Azure
) -> None:
    quota = azure.cloud.quotas["StandardNCADSA100v4Family"]
    limit, quota.limit = quota.limit, 0
    try:
        code, printed, report = script(on_aks(workspaces.inference("script-poor")))
    finally:
        quota.limit = limit
    assert code == 2, printed  # make's own, for a recipe that failed
    assert "Traceback" not in printed
    assert report["passed"] is False
    (failed,) = [step for step in report["steps"] if not step["passed"]]
    assert failed["name"] == "serve"
    assert "QuotaExceeded" in failed["seen"]
    assert workspaces.get("script-poor") == {}
    assert azure.pools == {}


def test_a_file_that_cannot_be_read_is_named(script: Script) -> None:
    code, printed, report = script({"kind": "Workspace"})
    assert code == 2, printed
    assert "workspace.yaml: metadata.name is missing" in printed
    assert "Traceback" not in printed
    assert report["passed"] is False
