"""Who may ask: hosts, origins, content types, keys; and the paths and methods around it."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from starlette.testclient import TestClient
from tests.support.serve_options import options_for

from llmwright_runtime_hf.serve.engine.interface import EngineState
from llmwright_runtime_hf.serve.engine.served_names import Names
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics

PAGE = "https://app.example"
PREFLIGHT = {"Origin": PAGE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}


class LoadingEngine:
    """An engine that never gets ready: what reaches it is answered with 503."""

    state = EngineState("loading", "for this test")
    loaded = None
    failure = None
    full = False

    def __init__(self, served: Names) -> None:
        self.served = served


def client_of(tmp_path: Any, **options: Any) -> TestClient:
    served = options_for(tmp_path, **options)
    app = create_app(served, LoadingEngine(served), ServerMetrics())  # type: ignore[arg-type]
    return TestClient(app, base_url="http://127.0.0.1:5000", headers={"Content-Type": "application/json"})


@pytest.fixture
def keyless(tmp_path: Any) -> TestClient:
    return client_of(tmp_path)


@pytest.fixture
def locked(tmp_path: Any) -> TestClient:
    return client_of(tmp_path, api_key="sesame")


REACHED = 503
"""The engine's own answer: nothing refused the request before."""


@pytest.mark.parametrize("key", [None, "sesame"])
def test_a_program_around_it_may_start_and_end_it(tmp_path: Any, key: str | None) -> None:
    """ASGI servers tell both by messages without headers (lifespan); ours does not."""
    with client_of(tmp_path, api_key=key) as client:
        assert client.get("/health").status_code == REACHED


@pytest.mark.parametrize(
    "host", ["127.0.0.1:5000", "localhost", "LOCALHOST:80", "localhost.", "a.localhost", "[::1]:5000", "127.0.0.2"]
)
def test_a_server_on_loopback_answers_to_its_own_names(keyless: TestClient, host: str) -> None:
    assert keyless.post("/chat", json={"prompt": "a"}, headers={"Host": host}).status_code == REACHED


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:5000",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "",
        "8.8.8.8",
        "[",
        "a:b",
    ],
)
@pytest.mark.parametrize("path", ["/chat", "/v1/models", "/health", "/metrics"])
def test_another_host_is_refused_on_every_path(keyless: TestClient, host: str, path: str) -> None:
    answer = keyless.request("POST" if path == "/chat" else "GET", path, headers={"Host": host}, content=b"{}")

    assert answer.status_code == 421
    assert answer.json()["error"]["code"] == "unknown_host"


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"allowed_hosts": ("evil.example",)}, REACHED),
        ({"allowed_hosts": ("*",)}, REACHED),
        ({"host": "0.0.0.0"}, REACHED),
        ({"host": "::1"}, 421),
        ({"host": "0.0.0.0", "allowed_hosts": ("other.example",)}, 421),
    ],
)
def test_settings_decide_which_hosts(tmp_path: Any, options: dict[str, Any], status: int) -> None:
    asked = client_of(tmp_path, **options).post("/chat", json={"prompt": "a"}, headers={"Host": "evil.example:80"})

    assert asked.status_code == status


def test_a_key_protects_where_names_do_not(locked: TestClient) -> None:
    headers = {"Host": "evil.example", "Authorization": "Bearer sesame"}

    assert locked.post("/chat", json={"prompt": "a"}, headers=headers).status_code == REACHED


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", REACHED),
        ("Application/JSON; charset=utf-8", REACHED),
        ("application/vnd.api+json", REACHED),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("multipart/form-data; boundary=x", 415),
        ("text/plain; application/json", 415),
        ("", 415),
    ],
)
@pytest.mark.parametrize(
    "page", [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"}]
)
def test_without_a_key_only_json_is_read_from_a_page(
    keyless: TestClient, locked: TestClient, kind: str, status: int, page: dict[str, str]
) -> None:
    body = b'{"prompt": "a"}'
    assert keyless.post("/chat", content=body, headers={"Content-Type": kind, **page}).status_code == status
    assert keyless.post("/chat", content=body, headers={"Content-Type": kind}).status_code == REACHED
    key = {"Authorization": "Bearer sesame", "Content-Type": kind}
    assert locked.post("/chat", content=body, headers=key).status_code == REACHED


def test_a_body_of_a_page_that_is_announced_as_nothing_is_refused_without_a_key(keyless: TestClient) -> None:
    del keyless.headers["Content-Type"]

    asked = keyless.post("/chat", content=b'{"prompt": "a"}', headers={"Origin": "https://evil.example"})
    assert asked.status_code == 415


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer sesame", REACHED),
        ("bearer sesame", REACHED),
        ("BEARER   sesame ", REACHED),
        ("Basic sesame", 401),
        ("sesame", 401),
        ("Bearer", 401),
        ("Bearer sesame2", 401),
        ("Bearer sesam", 401),
        ("Bearer sesame sesame", 401),
    ],
)
def test_the_key_in_the_forms_of_rfc_9110(locked: TestClient, header: str, status: int) -> None:
    assert locked.post("/chat", json={"prompt": "a"}, headers={"Authorization": header}).status_code == status


@pytest.mark.parametrize("path", ["/chat", "/chat/", "/v1/chat/completions", "/v1/models", "/v1/models/x", "/health"])
@pytest.mark.parametrize("key", [None, "sesame"])
def test_options_is_answered_without_the_key(tmp_path: Any, path: str, key: str | None) -> None:
    client = client_of(tmp_path, api_key=key)
    for headers in ({}, PREFLIGHT):
        answer = client.options(path, headers=headers)
        assert answer.status_code == 204
        assert "OPTIONS" in answer.headers["allow"]
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_options_on_an_unknown_path(keyless: TestClient, locked: TestClient) -> None:
    assert keyless.options("/nothing").status_code == 404
    assert locked.options("/nothing").status_code == 401


@pytest.mark.parametrize("key", [None, "sesame"])
@pytest.mark.parametrize(("origins", "allowed"), [((PAGE,), PAGE), (("*",), "*")])
def test_pages_of_allowed_origins_may_ask(tmp_path: Any, key: str | None, origins: Any, allowed: str) -> None:
    client = client_of(tmp_path, api_key=key, allowed_origins=origins)

    preflight = client.options("/v1/chat/completions", headers=PREFLIGHT)
    refused = client.post("/chat", json={}, headers={"Origin": PAGE})

    assert preflight.status_code == 200
    assert preflight.headers["access-control-allow-origin"] == allowed
    assert "authorization" in preflight.headers["access-control-allow-headers"].lower()
    assert "POST" in preflight.headers["access-control-allow-methods"]
    assert refused.status_code == (401 if key else 400)
    assert refused.headers["access-control-allow-origin"] == allowed


def test_pages_of_other_origins_may_not(tmp_path: Any) -> None:
    client = client_of(tmp_path, allowed_origins=(PAGE,))

    preflight = client.options("/chat", headers={**PREFLIGHT, "Origin": "https://evil.example"})

    assert preflight.status_code == 400
    assert "access-control-allow-origin" not in preflight.headers


@pytest.mark.parametrize(
    "path", ["/health", "/health/", "/v1/models", "/v1/models/", "/v1/models/b", "/metrics", "/version"]
)
def test_head_is_as_get(keyless: TestClient, path: str) -> None:
    got, asked = keyless.get(path, follow_redirects=False), keyless.head(path, follow_redirects=False)

    assert asked.status_code == got.status_code == (503 if "health" in path else 200)
    assert asked.headers["content-type"] == got.headers["content-type"]


@pytest.mark.parametrize("path", ["/chat/", "/v1/completions/", "/v1/chat/completions//"])
def test_a_slash_at_the_end_changes_nothing(keyless: TestClient, path: str) -> None:
    body = {"messages": [{"role": "user", "content": "a"}]} if "chat/" in path[1:] and "v1" in path else {"prompt": "a"}

    assert keyless.post(path, json=body, follow_redirects=False).status_code == REACHED


def test_open_routes_are_open_with_a_slash_too(locked: TestClient) -> None:
    assert locked.get("/version/").status_code == 200
    assert locked.get("/health/").status_code == REACHED
    assert locked.get("/v1/models/").status_code == 401


def test_a_real_server_answers_head_without_a_body(http: httpx.Client) -> None:
    answer = http.head("/health/")

    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) == len(http.get("/health").content)
