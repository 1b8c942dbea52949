"""Logging in to real registries by password and by token, and to one that asks as no real one does."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from core.tests.artifacts.support.registry_front import Answer, RegistryFront
from core.tests.artifacts.support.token_service import ISSUER, SERVICE, TokenSigner
from tests.support.docker_registry import docker_registry

from llmwright.artifacts import wire as wire_module
from llmwright.artifacts.adapter_image import pack_adapter
from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.image_pull import pull
from llmwright.artifacts.image_push import check_push, push
from llmwright.errors import ConfigError, LLMwrightError
from llmwright.values.backoff import Backoff

if TYPE_CHECKING:
    from http.server import BaseHTTPRequestHandler

    from tests.support.docker_registry import DockerRegistry

HERE = SourceRules(("127.0.0.0/8",))
PAT = Credential("pat", "pa55:word")
BASIC = "Basic " + base64.b64encode(b"pat:pa55:word").decode()


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire_module, "PAUSES", Backoff(0.0, 0.0))


@pytest.fixture
def layout(adapter: Path, tmp_path: Path) -> Path:
    pack_adapter(adapter, tmp_path / "layout", "team/adapter:v1", "demo")
    return tmp_path / "layout"


@pytest.fixture
def front(closed_registry: DockerRegistry) -> Iterator[RegistryFront]:
    """One before a real registry that wants pat's password."""
    front = RegistryFront(closed_registry)
    yield front
    front.close()


@pytest.fixture
def stranger() -> Iterator[RegistryFront]:
    """Another host, which says 401 to everybody and asks for the password in every way."""
    stranger = RegistryFront(None)
    stranger.challenges = [f'Bearer realm="http://{stranger.host}/token",service="x"', 'Basic realm="x"']
    yield stranger
    stranger.close()


def refusal(act: Any) -> LLMwrightError:
    with pytest.raises(LLMwrightError) as caught:
        act()
    return caught.value


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> TokenSigner:
    return TokenSigner(tmp_path_factory.mktemp("signer"))


@pytest.fixture(scope="module")
def service(signer: TokenSigner) -> Iterator[RegistryFront]:
    """A token service that knows pat."""
    service = RegistryFront(None)

    def token(request: BaseHTTPRequestHandler) -> Answer:
        scope = parse_qs(urlsplit(request.path).query).get("scope", [""])[0]
        if request.headers.get("Authorization") != BASIC:
            return 401, {}, b"{}"
        return 200, {}, json.dumps({"token": signer.token(scope)}).encode()

    service.routes["GET /token"] = token
    yield service
    service.close()


@pytest.fixture(scope="module")
def registry(
    service: RegistryFront, signer: TokenSigner, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[DockerRegistry]:
    """A real one that believes that service only."""
    token = {"realm": f"http://{service.host}/token", "service": SERVICE, "issuer": ISSUER}
    bundle = {"rootcertbundle": str(signer.bundle)}
    yield from docker_registry(tmp_path_factory.mktemp("token"), token=token | bundle)


class TestTokens:
    """A real registry that believes a token service only, and the service."""

    def test_pushed_and_pulled(
        self, registry: DockerRegistry, service: RegistryFront, layout: Path, tmp_path: Path
    ) -> None:
        reference = f"{registry.host}/signed/a:v1"
        digest = push(layout, reference, PAT, sources=HERE)
        assert pull(reference, tmp_path / "to", PAT, sources=HERE) == digest
        assert all(parse_qs(urlsplit(path).query)["service"] == [SERVICE] for _, path, _ in service.seen)

    def test_without_the_right_password(self, registry: DockerRegistry, tmp_path: Path) -> None:
        for wrong in (None, Credential("pat", "wr0ng"), Credential(registry_token="wr0ng")):
            error = refusal(lambda wrong=wrong: check_push(f"{registry.host}/signed/b:v1", wrong, sources=HERE))
            assert (error.reason, error.exit_code) == ("PushDenied", 2)

    def test_a_token_service_on_another_port_of_loopback_wants_the_setting(
        self, registry: DockerRegistry, service: RegistryFront
    ) -> None:
        service.seen.clear()
        error = refusal(lambda: check_push(f"{registry.host}/signed/c:v1", PAT))
        assert error.reason == "SourceRefused"
        assert "sources.allow" in str(error)
        assert service.seen == []


@pytest.mark.parametrize(
    "challenges",
    [
        ['Basic realm="r"'],
        ["Negotiate", 'Basic realm="r"'],
        ['Negotiate, Basic realm="r", charset="UTF-8"'],
        ['Basic realm="r", Bearer realm="http://{stranger}/token",service="s"'],
        ['Bearer realm="http://{front}/no-service",service="s"', 'BASIC realm="r"'],
        ['Bearer realm="http://10.0.0.1/token"', 'Basic realm="r"'],
        ['Bearer realm="", Basic realm="r"'],
        ['Digest realm="r", nonce="n,Bearer realm=x", qop="auth"', "NTLM", 'basic realm="r"'],
    ],
)
def test_a_password_is_sent_where_nothing_better_is_asked(
    front: RegistryFront, stranger: RegistryFront, challenges: list[str]
) -> None:
    stranger.challenges = []
    front.challenges = [text.replace("{front}", front.host).replace("{stranger}", stranger.host) for text in challenges]
    front.routes["GET /no-service"] = lambda request: (403, {}, b"{}")
    check_push(f"{front.host}/many/ways:v1", PAT)
    assert stranger.seen == []


def test_what_cannot_be_answered_is_denied(front: RegistryFront) -> None:
    for challenges in (["Negotiate"], ["Digest realm=x"], ["\u00e9"], ['"']):
        front.challenges = challenges
        assert refusal(lambda: check_push(f"{front.host}/no/way:v1", PAT)).reason == "PushDenied"


def test_each_login_for_the_image_is_tried(front: RegistryFront, layout: Path, tmp_path: Path) -> None:
    logins = [Credential("stale", "1"), Credential("other", "2"), PAT]
    digest = push(layout, f"{front.host}/several/a:v1", logins)
    assert pull(f"{front.host}/several/a:v1", tmp_path / "to", logins, sources=HERE) == digest
    assert len({secret for _, _, secret in front.seen if secret}) == 3
    assert refusal(lambda: check_push(f"{front.host}/several/a:v1", logins[:2])).reason == "PushDenied"
    front.routes["POST /v2/mine/"] = lambda request: (
        (403, {}, b"") if request.headers.get("Authorization", BASIC) != BASIC else None
    )
    check_push(f"{front.host}/mine/a:v1", [Credential("other", "2"), PAT])


class TestOtherHosts:
    """No password goes to a host that the user did not log in to, whatever the registry says."""

    def test_an_upload_to_another_host(self, front: RegistryFront, stranger: RegistryFront, layout: Path) -> None:
        place = {"Location": f"http://{stranger.host}/upload"}
        front.routes["POST /v2/led/"] = lambda request: (
            (202, place, b"") if "Authorization" in request.headers else None
        )
        assert refusal(lambda: push(layout, f"{front.host}/led/a:v1", PAT)).reason == "SourceRefused"
        assert stranger.seen == []
        assert refusal(lambda: push(layout, f"{front.host}/led/a:v1", PAT, sources=HERE)).reason == "PushDenied"
        assert [(method, urlsplit(path).path, secret) for method, path, secret in stranger.seen] == [
            ("PUT", "/upload", "")
        ]

    def test_a_blob_on_another_host(
        self, front: RegistryFront, stranger: RegistryFront, layout: Path, tmp_path: Path
    ) -> None:
        push(layout, f"{front.host}/blob/a:v1", PAT)
        place = {"Location": f"http://{stranger.host}/blob"}
        front.routes["GET /v2/blob/a/blobs/"] = lambda request: (
            (307, place, b"") if "Authorization" in request.headers else None
        )
        error = refusal(lambda: pull(f"{front.host}/blob/a:v1", tmp_path / "to", PAT, sources=HERE))
        assert error.reason == "PullDenied"
        assert {secret for _, _, secret in stranger.seen} == {""}
        assert {path for _, path, _ in stranger.seen} == {"/blob"}

    @pytest.mark.parametrize(
        "realm",
        [
            "http://10.0.0.1/token",
            "http://192.168.1.1/token",
            "http://169.254.169.254/latest",
            "https://metadata.google.internal/",
            "http://[fd00::1]/",
            "http://0x7f000001:1/",
            "https://127.1:1/token",
            "file:///etc/passwd",
            "",
        ],
    )
    def test_a_token_service_at_an_inner_address(self, front: RegistryFront, realm: str) -> None:
        front.challenges = [f'Bearer realm="{realm}",service="s"']
        assert refusal(lambda: check_push(f"{front.host}/a/a:v1", PAT)).reason == "SourceRefused"

    def test_a_token_service_without_tls_elsewhere(self, front: RegistryFront) -> None:
        front.challenges = ['Bearer realm="http://tokens.example/token",service="s"']
        error = refusal(lambda: check_push(f"{front.host}/a/a:v1", PAT))
        assert "has no TLS" in error.message

    def test_a_token_service_that_leads_on(self, front: RegistryFront, stranger: RegistryFront) -> None:
        front.challenges = [f'Bearer realm="http://{front.host}/token",service="s"']
        front.routes["GET /token"] = lambda request: (307, {"Location": f"http://{stranger.host}/token"}, b"")
        assert refusal(lambda: check_push(f"{front.host}/a/a:v1", PAT)).reason == "SourceRefused"
        assert stranger.seen == []
        assert refusal(lambda: check_push(f"{front.host}/a/a:v1", PAT, sources=HERE)).reason == "PushDenied"
        assert {secret for _, _, secret in stranger.seen} == {""}
        identity = Credential(identity_token="identity")
        front.routes["POST /token"] = front.routes["GET /token"]
        stranger.seen.clear()
        error = refusal(lambda: check_push(f"{front.host}/a/a:v1", identity, sources=HERE))
        assert "its token service 127.0.0.1 answered 307" in error.message
        assert stranger.seen == []


class TestAnswers:
    """What a token service or a registry may say."""

    @pytest.mark.parametrize("token", ["t\u00f6ken", "two words", "a\r\nX-Evil: 1", "t" * 2_000_000])
    def test_a_token_that_cannot_be_sent(self, front: RegistryFront, token: str) -> None:
        front.challenges = [f'Bearer realm="http://{front.host}/token",service="s"']
        front.routes["GET /token"] = lambda request: (200, {}, json.dumps({"token": token}).encode())
        error = refusal(lambda: check_push(f"{front.host}/a/a:v1", PAT))
        assert error.reason in ("TokenUnusable", "TooLarge")
        assert token not in str(error)

    @pytest.mark.parametrize("answer", [b"[" * 100_000, b"\xff", b"[]", b"null", b'{"token": null}', b""])
    def test_an_answer_that_is_none(self, front: RegistryFront, answer: bytes) -> None:
        front.challenges = [f'Bearer realm="http://{front.host}/token",service="s"']
        front.routes["GET /token"] = lambda request: (200, {}, answer)
        assert refusal(lambda: check_push(f"{front.host}/a/a:v1", PAT)).reason == "PushDenied"

    def test_the_users_own_token_that_cannot_be_sent(self, front: RegistryFront) -> None:
        front.challenges = [f'Bearer realm="http://{front.host}/token",service="s"']
        error = refusal(lambda: check_push(f"{front.host}/a/a:v1", Credential(registry_token="s3cr\u00e9t")))
        assert error.reason == "TokenUnusable"
        assert "s3cr" not in str(error)

    @pytest.mark.parametrize("size", ["9" * 5000, "9" * 19, str(10**12)])
    def test_a_least_size_of_chunks_that_cannot_be(self, front: RegistryFront, layout: Path, size: str) -> None:
        place = {"Location": "/v2/chunk/a/blobs/uploads/x", "OCI-Chunk-Min-Length": size}
        front.routes["POST /v2/chunk/"] = lambda request: (202, place, b"")
        assert refusal(lambda: push(layout, f"{front.host}/chunk/a:v1", PAT)).reason in (
            "RegistryError",
            "ImageNotFound",
        )

    def test_a_missing_helper_is_named_where_the_registry_refuses(self, front: RegistryFront) -> None:
        nobody = Credential(problem="the credential helper docker-credential-x is not on PATH")
        with pytest.raises(ConfigError, match="docker-credential-x is not on PATH"):
            check_push(f"{front.host}/a/a:v1", nobody)
