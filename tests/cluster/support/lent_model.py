"""A model server in place of the container that KWOK does not start: the pod of a Workspace is given its address."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

SERVING_PORT = 5000
MODELS = {"object": "list", "data": [{"id": "phi-4-mini-instruct", "object": "model"}]}


@contextmanager
def lent_model(plane: Cluster, name: str) -> Iterator[None]:
    """Answer for the first pod of a Workspace once that runs; the test is skipped where this machine cannot."""
    address = _own_address()
    try:
        server = http.server.ThreadingHTTPServer((address, SERVING_PORT), _Models)
    except OSError:
        pytest.skip(f"port {SERVING_PORT} of {address} is taken")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    lending = threading.Thread(target=_lend, args=(plane, name, address))
    lending.start()
    try:
        yield
    finally:
        lending.join()
        server.shutdown()
        server.server_close()


class _Models(http.server.BaseHTTPRequestHandler):
    """Tells its models, and nothing else."""

    def do_GET(self) -> None:
        content = json.dumps(MODELS).encode()
        self.send_response(200 if self.path == "/v1/models" else 404)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


def _own_address() -> str:
    """An address of this machine at which the API server may reach a pod: it refuses loopback ones."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no address but loopback")
        return str(probe.getsockname()[0])


def _lend(plane: Cluster, name: str, address: str) -> None:
    pod = f"/api/v1/namespaces/default/pods/{name}-0"
    wait_until(lambda: ((plane.fetch(pod) or {}).get("status") or {}).get("phase") == "Running", "the pod runs")
    status = {"status": {"podIP": address, "podIPs": [{"ip": address}]}}
    plane.kubectl("patch", "pod", f"{name}-0", "--subresource=status", "--type=merge", "-p", json.dumps(status))
