"""A small acme cloud for tests: the machines of ``CloudWorld`` behind HTTP, and its ways to refuse."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from llmwright.testing import CloudWorld

REFUSALS = (402, 403, 422, 503)


@dataclass
class AcmeCloud(CloudWorld):
    """A cloud that sells machines. ``sold`` holds those that are there, with what each was made with."""

    def answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        """Return status and content."""
        name = path.rpartition("/")[2]
        if method == "GET":
            return 200, [self.described(each) for each in self.sold]
        if self.refusing:
            return REFUSALS[self.refusing - 1], "refused"
        if method == "PUT":
            self.create(name, owner=body["owner"], instance_type=body["type"], labels=body["labels"])
            return 200, self.described(name)
        return (200 if self.delete(name) else 404), {}

    def described(self, name: str) -> dict[str, Any]:
        """Return one machine as the cloud shows it."""
        return {"name": name, "owner": self.sold[name].facts.get("owner", ""), "state": self.state(name)}

    def refuse(self, way: int) -> bool:
        """Refuse by one of ``REFUSALS``."""
        self.refusing = way if way <= len(REFUSALS) else 0
        return way <= len(REFUSALS)


@contextmanager
def running_cloud(cloud: AcmeCloud) -> Iterator[str]:
    """Serve ``cloud``; the address of its API."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer()

        def do_PUT(self) -> None:
            self.answer()

        def do_DELETE(self) -> None:
            self.answer()

        def answer(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or "null")
            status, content = cloud.answer(self.command, self.path, body)
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        # It looks 200 times a second whether it is to end: every test waits for that.
        threading.Thread(target=server.serve_forever, args=(0.005,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
