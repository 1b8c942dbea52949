"""A ``Cloud`` behind real sockets: HTTPS for ARM and the tenant's tokens, plain HTTP for instance metadata; all on loopback."""  # noqa: E501

from __future__ import annotations

import socket
import ssl
import struct
import tempfile
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.arm.support.certificates import write_certificates
from tests.arm.support.cloud import Cloud
from tests.arm.support.identity import ASSERTION, Identity
from tests.arm.support.tokens import CLIENT, TENANT
from tests.arm.support.wire import Answer, ConnectionBrokenError, Request

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER: close with a reset."""


class ArmServer:
    """Serves one cloud while it is entered. The cloud's ``endpoint`` becomes this server's."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.identity = Identity(cloud)
        self._folder = tempfile.TemporaryDirectory(prefix="arm-")
        self.ca_file, pem = write_certificates(Path(self._folder.name))
        self.token_file = Path(self._folder.name) / "federated-token"
        self.token_file.write_text(ASSERTION)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem)
        self._https = _Listener(self._answer, context)
        self._http = _Listener(self.identity.metadata, None)
        cloud.endpoint = self.endpoint

    @property
    def endpoint(self) -> str:
        """Return the address of the resource manager, which is also the tenant's authority."""
        return f"https://localhost:{self._https.server_address[1]}"

    @property
    def metadata_url(self) -> str:
        """Return the address of the instance metadata service."""
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def client_arguments(self) -> dict[str, Any]:
        """Return the arguments that every client of the SDK needs here."""
        from tests.arm.support.transport import CloudCredential

        return {
            "credential": CloudCredential(self.cloud),
            "subscription_id": self.cloud.subscription,
            "base_url": self.endpoint,
            "credential_scopes": [f"{self.endpoint}/.default"],
            "connection_verify": str(self.ca_file),
        }

    def environ(self, *, workload_identity: bool = True) -> dict[str, str]:
        """Return the variables by which azure-identity finds this tenant, its token file and this metadata service.

        Without ``workload_identity`` there is no token file: a managed identity of the node is left.
        """
        federated = {
            "AZURE_TENANT_ID": TENANT,
            "AZURE_CLIENT_ID": CLIENT,
            "AZURE_FEDERATED_TOKEN_FILE": str(self.token_file),
        }
        return {
            **(federated if workload_identity else {}),
            "AZURE_AUTHORITY_HOST": self.endpoint,
            "AZURE_POD_IDENTITY_AUTHORITY_HOST": self.metadata_url,
            "REQUESTS_CA_BUNDLE": str(self.ca_file),
            "SSL_CERT_FILE": str(self.ca_file),
            "NO_PROXY": "localhost,127.0.0.1",
            "no_proxy": "localhost,127.0.0.1",
        }

    def __enter__(self) -> ArmServer:
        self._https.start()
        self._http.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._https.stop()
        self._http.stop()
        self._folder.cleanup()

    def _answer(self, request: Request) -> Answer:
        return self.identity.authority(request) or self.cloud.handle(request)


class _Listener(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, answer: Callable[[Request], Answer], context: ssl.SSLContext | None) -> None:
        self.answer, self._context = answer, context
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Handler)

    def start(self) -> None:
        """Listen, in a thread."""
        threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    def stop(self) -> None:
        """Listen no more, and end what is open."""
        self.shutdown()
        self.server_close()
        with self._lock:
            open_now = [*self._connections]
        for connection in open_now:
            _shut(connection)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that a client that does not holds up nobody."""
        try:
            connection = self._context.wrap_socket(request, server_side=True) if self._context else request
        except OSError:
            return
        with self._lock:
            self._connections.add(connection)
        try:
            super().finish_request(connection, client_address)
        except OSError:
            pass
        finally:
            with self._lock:
                self._connections.discard(connection)
            connection.close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that went away."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Listener

    def do_GET(self) -> None:
        """Answer a request."""
        length = int(self.headers.get("Content-Length") or 0)
        headers = {name.lower(): value for name, value in self.headers.items()}
        url = f"https://{headers.get('host', 'localhost')}{self.path}"
        try:
            answer = self.server.answer(Request(self.command, url, headers, self.rfile.read(length)))
        except ConnectionBrokenError as broken:
            self._break(reset=not broken.carried_out)
            return
        content = answer.content
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("Content-Type", "application/json; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_PUT = do_PATCH = do_DELETE = do_GET  # noqa: N815

    def log_message(self, *_: Any) -> None:
        """Nobody reads it."""

    def _break(self, *, reset: bool) -> None:
        self.close_connection = True
        if reset:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        _shut(self.connection, reset=reset)


def _shut(connection: socket.socket, *, reset: bool = False) -> None:
    try:
        if not reset:
            connection.shutdown(socket.SHUT_RDWR)
        connection.close()
    except OSError:
        pass
