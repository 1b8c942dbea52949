"""A desk that rents machines: a cloud in one file, for the example plugin ``provisioner_desk`` and its tests.

GET /machines lists all, PUT /machines/NAME rents one, DELETE /machines/NAME returns it; each can be done again. A
machine is ``booting`` for some seconds and then ``running``. Rented machines are forgotten when the desk ends.
"""

from __future__ import annotations

import argparse
import json
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Desk:
    """The books of the desk. ``refusing`` is a status and a text with which all is answered; ``calls`` are kept."""

    capacity: int = 4
    boot_s: float = 1.0
    token: str = ""
    lives_s: float = float("inf")
    refusing: tuple[int, str] | None = None
    retry_after_s: int | None = None
    machines: dict[str, dict[str, Any]] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def listed(self) -> list[dict[str, Any]]:
        """Return all machines with their state; those that lived long enough are gone."""
        now = time.monotonic()
        with self.lock:
            for name in [name for name, each in self.machines.items() if now - each["since"] >= self.lives_s]:
                del self.machines[name]
            return [
                {**each, "state": "running" if now - each["since"] >= self.boot_s else "booting"}
                for _, each in sorted(self.machines.items())
            ]

    def rent(self, name: str, body: dict[str, Any]) -> tuple[int, str]:
        """Rent a machine; return status and text."""
        with self.lock:
            if name not in self.machines and len(self.machines) >= self.capacity:
                return 402, f"all {self.capacity} machines of your contract are rented"
            self.machines.setdefault(name, {"name": name, "since": time.monotonic(), **body})
        return 200, name

    def give_back(self, name: str) -> tuple[int, str]:
        """End a machine."""
        with self.lock:
            self.machines.pop(name, None)
        return 200, name

    def answer(self, method: str, path: str, body: dict[str, Any], token: str) -> tuple[int, Any]:
        """Return status and content of the answer to one request."""
        self.calls.append(f"{method} {path}")
        if self.refusing is not None:
            return self.refusing
        if token != self.token:
            return 403, "the token is not known"
        if (method, path) == ("GET", "/machines"):
            return 200, self.listed()
        name = path.removeprefix("/machines/")
        return self.rent(name, body) if method == "PUT" else self.give_back(name)


def serve(desk: Desk, port: int = 0, host: str = "127.0.0.1") -> ThreadingHTTPServer:
    """Serve a desk, by default on loopback, in a thread; return the server, whose ``server_address`` has the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size) or "null") or {}
            token = (self.headers.get("Authorization") or "").removeprefix("Bearer").strip()
            status, content = desk.answer(self.command, self.path, body, token)
            text = json.dumps(content).encode()
            self.send_response(status)
            if status >= 400 and desk.retry_after_s is not None:
                self.send_header("Retry-After", str(desk.retry_after_s))
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_PUT = do_DELETE = do_GET  # noqa: N815

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            """Write nothing: the desk's books tell what happened."""

    server = ThreadingHTTPServer((host, port), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    return server


def main() -> None:
    """Serve a desk until Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8099)
    parser.add_argument("--capacity", type=int, default=4)
    options = parser.parse_args()
    server = serve(Desk(capacity=options.capacity), options.port, options.host)
    print(f"the desk is open at http://{options.host}:{server.server_address[1]}")
    threading.Event().wait()


if __name__ == "__main__":
    main()
