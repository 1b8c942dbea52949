"""A registry behind a service of tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlsplit

from core.tests.artifacts.support.registry_front import Answer, RegistryFront

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.support.docker_registry import DockerRegistry


class Gate(RegistryFront):
    """A registry with the token protocol: checks tokens, passes on to a real one, and fails where a test says so.

    ``asked`` holds the fields of each request for a token. Each of ``faults`` (method, part of the path, status) is
    answered once.
    """

    def __init__(self, behind: DockerRegistry) -> None:
        super().__init__(behind)
        self.challenges = [f'Bearer realm="http://{self.host}/token",service="gate"']
        self.asked: list[dict[str, str]] = []
        self.faults: list[tuple[str, str, int]] = []

    def answer(self, request: BaseHTTPRequestHandler, behind: DockerRegistry | None, body: bytes) -> None:
        """Answer for the service of tokens, refuse who has none, or pass on."""
        parts = urlsplit(request.path)
        if parts.path == "/token":
            return self._reply(request, *self._token(request, dict(parse_qsl(f"{parts.query}&{body.decode()}"))))
        if parts.path.startswith("/v2/") and request.headers.get("Authorization") != "Bearer let-me-in":
            return self._reply(request, 401, {}, b"")
        for fault in self.faults:
            if fault[0] == request.command and fault[1] in parts.path:
                self.faults.remove(fault)
                return self._reply(
                    request, fault[2], {"Location": "http://169.254.169.254/x"} if fault[2] == 307 else {}, b""
                )
        return super().answer(request, behind, body)

    def _token(self, request: BaseHTTPRequestHandler, fields: dict[str, str]) -> Answer:
        self.asked.append(fields)
        basic = request.headers.get("Authorization") == "Basic cGF0OnBhNTU6d29yZA=="
        if basic or fields.get("refresh_token") == "identity":
            return 200, {}, b'{"access_token": "let-me-in"}'
        return 401, {}, b"{}"
