"""Registries and token services with the manners of those in the world, before a real registry."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
from core.tests.artifacts.support.adapter_images import HERE, PAT, same_adapter
from core.tests.artifacts.support.registry_front import Answer, RegistryFront
from core.tests.artifacts.support.token_gate import Gate

from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import check_push, push
from llmwright.errors import ConfigError, LLMwrightError, TargetError

if TYPE_CHECKING:
    from tests.support.docker_registry import DockerRegistry

pytestmark = pytest.mark.usefixtures("no_waiting")


@pytest.fixture
def gate(open_registry: DockerRegistry) -> Iterator[Gate]:
    gate = Gate(open_registry)
    yield gate
    gate.close()


@pytest.fixture
def front(open_registry: DockerRegistry) -> Iterator[RegistryFront]:
    front = RegistryFront(open_registry)
    yield front
    front.close()


class TestTokenServices:
    def test_the_scope_that_a_registry_asks_for_besides(self, gate: Gate, layout: Path) -> None:
        gate.challenges = [
            f'Bearer realm="http://{gate.host}/ask?v=2",scope="aws repository:world/a:pull",service="s,t"'
        ]
        queries: list[dict[str, list[str]]] = []

        def ask(request: BaseHTTPRequestHandler) -> Answer:
            queries.append(parse_qs(urlsplit(request.path).query))
            return 200, {}, b'{"token": "let-me-in", "access_token": "the choice is free"}'

        gate.routes["GET /ask"] = ask
        push(layout, f"{gate.host}/world/a:v1", PAT)
        assert [query["scope"] for query in queries] == [["repository:world/a:pull,push", "aws"]]
        assert (queries[0]["service"], queries[0]["v"]) == (["s,t"], ["2"])

    def test_one_that_moved_on_its_own_host(self, gate: Gate, layout: Path) -> None:
        gate.challenges = [f'Bearer realm="http://{gate.host}/old",service="s"']
        gate.routes["GET /old"] = lambda request: (308, {"Location": f"/token?{urlsplit(request.path).query}"}, b"")
        push(layout, f"{gate.host}/moved/a:v1", PAT)
        assert [asked["scope"] for asked in gate.asked] == ["repository:moved/a:pull,push"]

    def test_one_that_leads_strangers_elsewhere(self, gate: Gate, layout: Path, tmp_path: Path) -> None:
        push(layout, f"{gate.host}/public/a:v1", PAT)
        elsewhere = RegistryFront(None)
        elsewhere.routes["GET /"] = lambda request: (200, {}, b'{"token": "let-me-in"}')
        gate.challenges = [f'Bearer realm="http://{gate.host}/old",service="s"']
        gate.routes["GET /old"] = lambda request: (302, {"Location": f"http://{elsewhere.host}/token"}, b"")
        try:
            for credential in (None, PAT):
                pull(f"{gate.host}/public/a:v1", tmp_path / "to", credential, sources=HERE)
            assert [secret for _, _, secret in elsewhere.seen] == ["", ""]
        finally:
            elsewhere.close()

    @pytest.mark.parametrize(
        ("answer", "reason"),
        [
            (
                (401, {}, b'{"details": "incorrect username or password"}'),
                "answered 401 (incorrect username or password)",
            ),
            ((403, {}, b'{"errors": [{"code": "DENIED", "message": "no such team"}]}'), "answered 403 (no such team)"),
            ((400, {}, b'{"error": "invalid_grant", "error_description": "it ran out"}'), "answered 400 (it ran out)"),
            ((404, {}, b"<html>"), "answered 404"),
            ((200, {}, b'{"token": ""}'), "gave no token"),
            ((200, {}, b"[]"), "gave no token: it is no JSON object"),
        ],
    )
    def test_its_refusal_is_told(self, gate: Gate, answer: Answer, reason: str) -> None:
        gate.challenges = [f'Bearer realm="http://{gate.host}/ask",service="s"']
        gate.routes["GET /ask"] = gate.routes["POST /ask"] = lambda request: answer
        for credential in (None, PAT, Credential(identity_token="identity")):
            with pytest.raises(ConfigError) as caught:
                check_push(f"{gate.host}/a/a:v1", credential)
            assert caught.value.reason == "PushDenied"
            assert f"its token service 127.0.0.1 {reason}" in caught.value.message

    def test_a_token_that_runs_out_at_each_step(self, gate: Gate, layout: Path, adapter: Path, tmp_path: Path) -> None:
        reference = f"{gate.host}/short/a:v1"
        gate.faults += [(method, "/v2/short/a/", 401) for method in ("POST", "PATCH", "PUT")]
        gate.faults += [("PUT", "/manifests/", 401), ("GET", "/manifests/", 401)]
        digest = push(layout, reference, PAT, chunk_bytes=100_000)
        assert gate.faults == []
        gate.faults += [("GET", "/blobs/", 401)]
        assert pull(reference, tmp_path / "to", PAT, sources=HERE) == digest
        assert (gate.faults, same_adapter(tmp_path / "to", adapter)) == ([], True)


def test_a_registry_that_stays_busy_says_why(front: RegistryFront, tmp_path: Path) -> None:
    words = {"errors": [{"code": "TOOMANYREQUESTS", "message": "You have reached your pull rate limit."}]}
    front.routes["GET /v2/team/"] = lambda request: (429, {"Retry-After": "0"}, json.dumps(words).encode())
    with pytest.raises(TargetError, match=r"answered 429 \(You have reached your pull rate limit\.\)") as caught:
        pull(f"{front.host}/team/a:v1", tmp_path / "to", None, sources=HERE)
    assert "log in" in (caught.value.hint or "")
    assert "proxy" not in (caught.value.hint or "")


class TestUploads:
    @pytest.mark.parametrize(
        "place", ["http://{host}{folder}/{name}", "{folder}/{name}", "//{host}{folder}/{name}", "{name}"]
    )
    def test_places_in_every_form(
        self, front: RegistryFront, open_registry: DockerRegistry, layout: Path, place: str
    ) -> None:
        def begin(request: BaseHTTPRequestHandler) -> Answer:
            status, headers, content = front.passed_on(open_registry, request)
            parts = urlsplit(headers["Location"])
            folder, _, name = parts.path.rpartition("/")
            here = place.format(host=front.host, folder=folder, name=name)
            return status, {"Location": f"{here}?{parts.query}"}, content

        front.routes[f"POST /v2/place{len(place)}/a/blobs/uploads/"] = begin
        push(layout, f"{front.host}/place{len(place)}/a:v1", None, chunk_bytes=100_000)

    @pytest.mark.parametrize("status", [200, 202, 204])
    def test_successes_of_another_number(self, front: RegistryFront, layout: Path, tmp_path: Path, status: int) -> None:
        front.statuses = {201: status}
        push(layout, f"{front.host}/number/a{status}:v1", None)
        pull(f"{front.host}/number/a{status}:v1", tmp_path / "to", None, sources=HERE)

    def test_a_begin_without_a_place(self, front: RegistryFront, layout: Path) -> None:
        front.routes["POST /v2/nowhere/"] = lambda request: (202, {}, b"")
        with pytest.raises(TargetError, match="did not say where"):
            push(layout, f"{front.host}/nowhere/a:v1", None)

    def test_a_chunk_without_a_next_place_goes_on_at_the_same(self, front: RegistryFront, layout: Path) -> None:
        place = {"Location": "/v2/same/a/blobs/uploads/x"}
        front.routes["POST /v2/same/"] = lambda request: (202, place, b"")
        front.routes["PATCH /v2/same/"] = lambda request: (202, {}, b"")
        front.routes["PUT /v2/same/a/blobs/uploads/"] = lambda request: (201, {}, b"")
        with pytest.raises(LLMwrightError):
            push(layout, f"{front.host}/same/a:v1", None, chunk_bytes=100_000)
        upload = [(method, urlsplit(path).path) for method, path, _ in front.seen if method in ("PATCH", "PUT")]
        assert upload[:4] == [("PATCH", place["Location"])] * 3 + [("PUT", place["Location"])]
