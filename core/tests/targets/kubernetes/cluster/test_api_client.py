"""Requests to an API server: their credentials."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client import Configuration

from llmwright.errors import ConfigError
from llmwright.targets.kubernetes.cluster import api_client
from llmwright.targets.kubernetes.cluster.api_client import Api, connect, own_namespace
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import SERVICES


class Server(HTTPServer):
    """Accepts one token at a time."""

    token = "first"

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)


class Handler(BaseHTTPRequestHandler):
    """Answers requests with the token."""

    server: Server

    def do_GET(self) -> None:
        known = self.headers["Authorization"] == f"Bearer {self.server.token}"
        self.send_response(200 if known else 401)
        self.end_headers()
        self.wfile.write(b"{}")

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def test_a_token_is_read_again_only_when_it_is_old_or_refused(server: Server) -> None:
    asked: list[str] = []

    def refresh(settings: Any) -> None:
        asked.append(server.token)
        settings.api_key["BearerToken"] = f"Bearer {server.token}"

    configuration = Configuration(host=f"http://127.0.0.1:{server.server_port}", api_key={"BearerToken": ""})
    vars(configuration)["refresh_api_key_hook"] = refresh
    api = Api(configuration)
    for _ in range(3):
        api.get(SERVICES, "default", "a")
    assert asked == ["first"]
    server.token = "second"
    with pytest.raises(ApiError):
        api.get(SERVICES, "default", "a")
    api.get(SERVICES, "default", "a")
    assert asked == ["first", "second"]


def test_the_operators_own_namespace_is_its_pods_or_its_contexts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config: dict[str, Any] = {
        "contexts": [{"name": "it", "context": {"cluster": "c", "user": "u", "namespace": "models"}}]
    }
    config |= {"clusters": [{"name": "c", "cluster": {"server": "http://here"}}], "users": [{"name": "u", "user": {}}]}
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(json.dumps({**config, "current-context": "it"}))
    assert own_namespace(kubeconfig) == "models"
    assert own_namespace(tmp_path / "nothing") == "default"
    told = tmp_path / "namespace"
    told.write_text("llmwright-system\n")
    monkeypatch.setattr(api_client, "NAMESPACE_FILE", told)
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    assert own_namespace() == "llmwright-system"
    assert own_namespace(kubeconfig) == "models"


CLUSTER = "{name: k, cluster: {server: 'https://127.0.0.1:1', %s}}"
KUBECONFIG = """
current-context: c
contexts: [{name: c, context: {cluster: k, user: u}}]
clusters: [%s]
users: [{name: u, user: {%s}}]
"""


@pytest.mark.parametrize(
    "text",
    [
        "[",
        "}",
        '"\0"',
        "contexts: [8]",
        "{current-context: c, contexts: [{name: c, context: 0}]}",
        KUBECONFIG % (CLUSTER % "certificate-authority-data: eA==", ""),
        KUBECONFIG % (CLUSTER % "certificate-authority-data: [x]", ""),
        KUBECONFIG % ("{name: k, cluster: {server: 0}}", ""),
        KUBECONFIG % (CLUSTER % "", "client-certificate-data: al"),
        KUBECONFIG % (CLUSTER % "", "client-certificate-data: eA==, client-key-data: eA=="),
    ],
)
def test_a_damaged_kubeconfig_is_one_error(tmp_path: Path, text: str) -> None:
    file = tmp_path / "kubeconfig"
    file.write_text(text)
    with pytest.raises(ConfigError, match=r"no cluster can be reached: .*damaged") as refused:
        connect(file)
    assert refused.value.reason == "NoCluster"
