"""Real servers on loopback: HTTP servers whose answers a test writes as a function, and docker-registry."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import random
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

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


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE"):
            monkeypatch.delenv(name)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


@pytest.fixture
def other_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.close()


class DockerRegistry:
    """The real ``docker-registry`` on a free loopback port; with ``htpasswd``, one user pat with password pa55:word."""

    USER, PASSWORD = "pat", "pa55:word"
    _HTPASSWD = "pat:$2y$04$zDvMWECRPIreBE5l0.KgJONI4Qn7LJv0JmJ62ulOllDUpDKSPLi3O\n"

    def __init__(self, program: str, folder: Path, *, htpasswd: bool) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self.host = f"127.0.0.1:{self.port}"
        self.storage = folder / "storage"
        (folder / "htpasswd").write_text(self._HTPASSWD)
        config: dict[str, Any] = {
            "version": 0.1,
            "log": {"level": "error", "accesslog": {"disabled": True}},
            "storage": {"filesystem": {"rootdirectory": str(self.storage)}, "delete": {"enabled": True}},
            "http": {"addr": self.host},
        }
        if htpasswd:
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        (folder / "config.yml").write_text(json.dumps(config))
        with (folder / "log").open("wb") as log:
            self._process = subprocess.Popen([program, "serve", folder / "config.yml"], stdout=log, stderr=log)
        self._wait(folder / "log")

    def _wait(self, log: Path) -> None:
        for _ in range(600):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self._process.poll() is None, log.read_text()
            time.sleep(0.05)
        raise AssertionError(f"docker-registry does not listen: {log.read_text()}")

    def uploads(self) -> list[Path]:
        """Upload sessions that are open in the store (docker-registry keeps a hash state even of cancelled ones)."""
        return sorted(path.parent for path in self.storage.glob("**/_uploads/*/startedat"))

    def begin_upload(self, repository: str, user: str, password: str) -> bool:
        """Open an upload session and leave it open."""
        connection = HTTPConnection("127.0.0.1", self.port)
        token = base64.b64encode(f"{user}:{password}".encode()).decode()
        connection.request("POST", f"/v2/{repository}/blobs/uploads/", headers={"Authorization": f"Basic {token}"})
        status = connection.getresponse().status
        connection.close()
        return status == 202

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


def _docker_registry(folder: Path, *, htpasswd: bool) -> Iterator[DockerRegistry]:
    program = shutil.which("docker-registry")
    if program is None:
        pytest.skip("docker-registry is not installed (Debian package docker-registry)")
    registry = DockerRegistry(program, folder, htpasswd=htpasswd)
    yield registry
    registry.close()


@pytest.fixture(scope="session")
def open_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    yield from _docker_registry(tmp_path_factory.mktemp("open"), htpasswd=False)


@pytest.fixture(scope="session")
def closed_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    yield from _docker_registry(tmp_path_factory.mktemp("closed"), htpasswd=True)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """A directory as peft's save_pretrained writes it; the weights are noise that does not compress."""
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_config.json").write_text('{"peft_type": "LORA", "r": 8}')
    (folder / "adapter_model.safetensors").write_bytes(random.Random(7).randbytes(300_000))
    (folder / "README.md").write_text("not packed")
    return folder
