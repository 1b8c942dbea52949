"""A server before a real registry, which asks for what a test says and lies where a test says so."""

from __future__ import annotations

from collections.abc import Callable
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry

Answer = tuple[int, dict[str, str], bytes]


class RegistryFront:
    """Passes requests on to ``behind``, less what ``routes`` answers first.

    ``challenges`` replace the registry's own in each 401; ``spoil`` replaces what is read at paths with such a part.
    ``statuses`` replace the registry's.
    ``seen`` holds method, path and ``Authorization``.
    """

    def __init__(self, behind: DockerRegistry | None) -> None:
        self.challenges: list[str] = []
        self.routes: dict[str, Callable[[BaseHTTPRequestHandler], Answer | None]] = {}
        self.statuses: dict[int, int] = {}
        self.spoil: dict[str, bytes] = {}
        self.seen: list[tuple[str, str, str]] = []
        front = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def answer(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                front.seen.append((self.command, self.path, self.headers.get("Authorization", "")))
                front.answer(self, behind, body)

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that hangs up, and the greeting of TLS, are part of these tests

        self._server = Server(("127.0.0.1", 0), Handler)
        self.port = self._server.server_address[1]
        self.host = f"127.0.0.1:{self.port}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def answer(self, request: BaseHTTPRequestHandler, behind: DockerRegistry | None, body: bytes) -> None:
        """Answer by the first route whose beginning fits ``METHOD /path``, else as the registry does."""
        for start, route in self.routes.items():
            if f"{request.command} {request.path}".startswith(start) and (answer := route(request)):
                return self._reply(request, *answer)
        if behind is None:
            return self._reply(request, 401, {}, b"")
        status, headers, content = self.passed_on(behind, request, body)
        for part, spoilt in self.spoil.items():
            content = spoilt if part in request.path and request.command == "GET" else content
        return self._reply(request, self.statuses.get(status, status), headers, content)

    def passed_on(self, behind: DockerRegistry, request: BaseHTTPRequestHandler, body: bytes = b"") -> Answer:
        """Return the registry's own answer, less the challenges that are replaced."""
        connection = HTTPConnection("127.0.0.1", behind.port)
        connection.request(request.command, request.path, body or None, dict(request.headers.items()))
        result = connection.getresponse()
        content = result.read()
        connection.close()
        dropped = {"content-length"} if request.command != "HEAD" else set()
        dropped |= {"www-authenticate"} if self.challenges else set()
        return result.status, {key: value for key, value in result.getheaders() if key.lower() not in dropped}, content

    def _reply(self, request: BaseHTTPRequestHandler, status: int, headers: dict[str, str], body: bytes) -> None:
        request.send_response(status)
        for challenge in self.challenges if status == 401 else ():
            request.send_header("WWW-Authenticate", challenge)
        for key, value in headers.items():
            request.send_header(key, value)
        if "Content-Length" not in headers:
            request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def close(self) -> None:
        """End it."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
