"""A registry behind a service of tokens."""

from __future__ import annotations

from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry


class Gate:
    """A registry with the token protocol: checks tokens, passes on to a real one, and fails where a test says so."""

    def __init__(self, behind: DockerRegistry) -> None:
        self.log: list[tuple[str, str]] = []
        self.asked: list[dict[str, Any]] = []
        self.faults: list[tuple[str, str, int]] = []
        self.spoil: dict[str, bytes] = {}
        gate = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args: Any) -> None:
                pass

            def answer(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                gate.handle(self, behind, self.rfile.read(length))

            def __getattr__(self, name: str) -> Any:
                if name.startswith("do_"):
                    return self.answer
                raise AttributeError(name)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.host = f"127.0.0.1:{self._server.server_address[1]}"
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def handle(self, request: BaseHTTPRequestHandler, behind: DockerRegistry, body: bytes) -> None:
        parts = urlsplit(request.path)
        if parts.path == "/token":
            return self._token(request, {key: values[0] for key, values in parse_qs(parts.query).items()}, body)
        self.log.append((request.command, parts.path))
        if request.headers.get("Authorization") != "Bearer let-me-in":
            challenge = f'Bearer realm="http://{self.host}/token",service="gate",scope="repository:x:pull"'
            return self._reply(request, 401, b"", {"WWW-Authenticate": challenge})
        for fault in self.faults:
            if fault[0] == request.command and fault[1] in parts.path:
                self.faults.remove(fault)
                location = {"Location": "http://169.254.169.254/x"} if fault[2] == 307 else {}
                return self._reply(request, fault[2], b"", location)
        connection = HTTPConnection("127.0.0.1", behind.port)
        headers = {key: value for key, value in request.headers.items() if key.lower() != "authorization"}
        connection.request(request.command, request.path, body or None, headers)
        answer = connection.getresponse()
        content = answer.read()
        kept = {key: value for key, value in answer.getheaders() if key.lower() != "content-length"}
        length = answer.getheader("Content-Length") if request.command == "HEAD" else None
        for path, spoilt in self.spoil.items():
            content = spoilt if path in parts.path and request.command == "GET" else content
        connection.close()
        return self._reply(request, answer.status, content, kept, length)

    def _token(self, request: BaseHTTPRequestHandler, query: dict[str, str], body: bytes) -> None:
        form = {key: values[0] for key, values in parse_qs(body.decode()).items()}
        self.asked.append(query | form)
        basic = request.headers.get("Authorization") == "Basic cGF0OnBhNTU6d29yZA=="
        if basic or form.get("refresh_token") == "identity":
            return self._reply(request, 200, b'{"access_token": "let-me-in"}', {})
        return self._reply(request, 401, b"{}", {})

    @staticmethod
    def _reply(
        request: BaseHTTPRequestHandler, status: int, body: bytes, headers: dict[str, str], length: str | None = None
    ) -> None:
        request.send_response(status)
        for key, value in headers.items():
            request.send_header(key, value)
        request.send_header("Content-Length", length or str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
