"""An HTTP server on loopback, whose answers a test writes as a function."""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class Site:
    """A server whose ``routes`` map a path (no query) to what answers GET there; ``seen`` holds all requests."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.routes: dict[str, Answer] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                site.seen.append((self.path, {key.lower(): value for key, value in self.headers.items()}))
                answer = site.routes.get(self.path.partition("?")[0])
                if answer is None:
                    site.reply(self, 404, b"")
                else:
                    answer(self)

            def log_message(self, *args: Any) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that hangs up is part of these tests

        self._server = Server((host, 0), Handler)
        self.port = self._server.server_address[1]
        self.url = f"http://{host}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def wrap(self, context: ssl.SSLContext) -> None:
        """Speak TLS from now on."""
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self.url = self.url.replace("http:", "https:")

    @staticmethod
    def reply(request: BaseHTTPRequestHandler, status: int, body: bytes, **headers: str) -> None:
        request.send_response(status)
        headers = {key.replace("_", "-"): value for key, value in headers.items()}
        headers.setdefault("Content-Length", str(len(body)))
        for key, value in headers.items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(body)

    def gives(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        self.routes[path] = lambda request: self.reply(request, status, body, **headers)
        return self.url + path

    def redirects(self, path: str, target: str, status: int = 302) -> str:
        return self.gives(path, b"", status, Location=target)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
