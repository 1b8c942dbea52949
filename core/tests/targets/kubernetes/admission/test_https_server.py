"""The webhook's HTTPS: its answers, its certificates, and clients that would block it."""

from __future__ import annotations

import http.client
import json
import logging
import socket
import ssl
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import cast

import pytest
from core.tests.targets.kubernetes.support.reviews import review

from llmwright.api.workspace import Workspace
from llmwright.errors import ConfigError, Problem
from llmwright.settings.model import Webhook as WebhookSettings
from llmwright.targets.kubernetes.admission import https_server
from llmwright.targets.kubernetes.admission.certificates import Certificate, issue, server_context
from llmwright.targets.kubernetes.admission.https_server import Answer, HttpsServer
from llmwright.targets.kubernetes.admission.webhook import Webhook
from llmwright.targets.kubernetes.cluster.api_client import Api

HOST = "127.0.0.1"


def fresh() -> Certificate:
    return issue(HOST, timedelta(minutes=5), datetime.now(UTC))


def check(workspace: Workspace, old: Workspace | None) -> Iterable[Problem]:
    if workspace.name == "bug":
        raise RuntimeError("secret detail")
    return [Problem("metadata.name", "no", reason="BadName")] if workspace.name == "bad" else []


@pytest.fixture
def webhook() -> Webhook:
    # The tests call it directly, so it needs no API server.
    return Webhook(cast(Api, None), WebhookSettings(url="https://127.0.0.1"), check)


@pytest.fixture
def trusted() -> Certificate:
    return fresh()


@pytest.fixture
def server(webhook: Webhook, trusted: Certificate) -> Iterator[HttpsServer]:
    found = HttpsServer(HOST, 0, server_context(trusted), webhook.answer)
    found.start()
    yield found
    found.stop()


def trusting(certificate: Certificate) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=certificate.text.decode())
    return context


def ask(server: HttpsServer, certificate: Certificate, body: bytes, method: str = "POST") -> tuple[int, bytes]:
    connection = http.client.HTTPSConnection(HOST, server.port, context=trusting(certificate), timeout=30)
    try:
        connection.request(method, "/", body)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()


def review_of(name: str) -> bytes:
    return review(new={"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": name}})


def test_reviews_are_answered_and_counted(server: HttpsServer, webhook: Webhook, trusted: Certificate) -> None:
    for name, allowed in (("good", True), ("bad", False), ("good", True)):
        code, body = ask(server, trusted, review_of(name))
        assert (code, json.loads(body)["response"]["allowed"]) == (200, allowed)
    assert webhook.outcomes == {"allowed": 2, "refused": 1, "malformed": 0, "error": 0}


def test_nonsense_gets_one_line(server: HttpsServer, webhook: Webhook, trusted: Certificate) -> None:
    status, body = ask(server, trusted, b"{")
    assert (status, body.count(b"\n")) == (400, 1)
    assert body.startswith(b"the body is no JSON: ")
    assert webhook.outcomes["malformed"] == 1


def test_a_bug_is_told_to_the_log_alone(
    server: HttpsServer, webhook: Webhook, trusted: Certificate, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        code, body = ask(server, trusted, review_of("bug"))
    assert (code, webhook.outcomes["error"]) == (500, 1)
    assert b"secret detail" not in body
    assert b"Traceback" not in body
    assert "secret detail" in caplog.text


def test_bodies_have_a_length_and_a_limit(server: HttpsServer, trusted: Certificate) -> None:
    context = trusting(trusted)
    for length, code in ((b"", b" 411 "), (b"-1", b" 411 "), (b"9999999", b" 413 "), (b"9" * 5000, b" 413 ")):
        with (
            socket.create_connection((HOST, server.port), 30) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as connection,
        ):
            connection.sendall(b"POST / HTTP/1.1\r\nContent-Length: " + length + b"\r\n\r\n")
            assert code in connection.recv(100)
    assert ask(server, trusted, b"", method="GET")[0] == 501


def test_another_certificate_is_shown_to_whoever_comes_next(server: HttpsServer, trusted: Certificate) -> None:
    later = fresh()
    server.context = server_context(later)
    assert ask(server, later, review_of("good"))[0] == 200
    with pytest.raises(ssl.SSLCertVerificationError):
        ask(server, trusted, review_of("good"))


def test_old_tls_is_refused(server: HttpsServer, trusted: Certificate) -> None:
    context = trusting(trusted)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning, match="TLSv1_1"):
        context.minimum_version = context.maximum_version = ssl.TLSVersion.TLSv1_1
    with socket.create_connection((HOST, server.port), 30) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain, server_hostname=HOST)


def test_those_who_say_nothing_are_hung_up_on(
    server: HttpsServer, trusted: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(https_server, "DEADLINE_S", 0.5)
    monkeypatch.setattr(https_server, "SILENCE_S", 600.0)
    silent = [socket.create_connection((HOST, server.port), 30) for _ in range(2 * https_server.WORKERS)]
    try:
        # More than there are threads, and for each a read that would end on its own only much later.
        assert all(connection.recv(1) == b"" for connection in silent)
        monkeypatch.undo()
        assert ask(server, trusted, review_of("good"))[0] == 200
    finally:
        for connection in silent:
            connection.close()


def test_too_many_are_refused(server: HttpsServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(https_server, "WAITING", 0)
    with socket.create_connection((HOST, server.port), 30) as refused:
        assert refused.recv(1) == b""


def test_a_taken_port_is_said(server: HttpsServer, trusted: Certificate) -> None:
    with pytest.raises(ConfigError, match="cannot listen"):
        HttpsServer(HOST, server.port, server_context(trusted), lambda _: Answer(200, "", b""))
