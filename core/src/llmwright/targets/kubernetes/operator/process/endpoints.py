"""The operator's own HTTP: ``/metrics``, ``/healthz``, ``/readyz``."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from llmwright.errors import ConfigError

Answer = tuple[int, bytes]
Answers = Mapping[str, Callable[[], Answer]]

PLAIN = "text/plain; version=0.0.4; charset=utf-8"


def unless(why_not: Callable[[], str]) -> Callable[[], Answer]:
    """Return an answer: 200 where ``why_not`` returns nothing, else 503 with what it returns."""

    def answer() -> Answer:
        reason = why_not()
        return (503, f"{reason}\n".encode()) if reason else (200, b"ok\n")

    return answer


def serve(host: str, port: int, answers: Answers) -> ThreadingHTTPServer:
    """Answer GETs of these paths, each in a thread; port 0 takes a free port.

    Raises:
        ConfigError: the port cannot be opened.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer = answers.get(self.path.partition("?")[0])
            code, body = answer() if answer else (404, b"not found\n")
            self.send_response(code)
            self.send_header("Content-Type", PLAIN)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Log nothing: probes come every few seconds."""

    class Server(ThreadingHTTPServer):
        address_family = socket.AF_INET6 if ":" in host else socket.AF_INET

    try:
        server = Server((host, port), Handler)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}:{port}: {error.strerror}", reason="PortInUse") from error
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name=f"http {port}", daemon=True).start()
    return server
