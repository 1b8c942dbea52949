"""A small template-name cloud for tests: machines that come with time, behind HTTP."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Machines:
    """The machines that are there. A machine runs once ``tick`` was called twice."""

    rows: dict[str, dict[str, Any]] = field(default_factory=dict)

    def tick(self) -> None:
        """Let time pass."""
        for row in self.rows.values():
            row["age"] += 1
            if row["state"] == "creating" and row["age"] >= 2:
                row["state"] = "running"


class Handler(BaseHTTPRequestHandler):
    """The API."""

    machines: Machines

    def do_GET(self) -> None:
        self._answer(200, list(self.machines.rows.values()))

    def do_PUT(self) -> None:
        row = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.machines.rows.setdefault(row["name"], {**row, "state": "creating", "age": 0})
        self._answer(200, {})

    def do_DELETE(self) -> None:
        row = self.machines.rows.pop(self.path.rpartition("/")[2], None)
        self._answer(404 if row is None else 200, {})

    def _answer(self, status: int, content: Any) -> None:
        data = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""


@contextmanager
def running_cloud(machines: Machines) -> Iterator[str]:
    """Serve ``machines``; the address of the API."""
    handler = type("OneCloud", (Handler,), {"machines": machines})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
