"""TLS on loopback: certificates of one's own, the way down to plain http, registries that speak TLS; and waits."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.artifact_errors import TransientAnswer
from llmwright.artifacts.credentials import Credential
from llmwright.artifacts.download import DownloadedFile, download
from llmwright.artifacts.image_push import check_push
from llmwright.artifacts.wire import raise_if_transient
from llmwright.errors import ConfigError

if TYPE_CHECKING:
    from tests.support.http_site import Site

LOOPBACK = SourceRules(("127.0.0.1",))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for 127.0.0.1 that vouches for itself, and its key."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl is not installed")
    folder = tmp_path_factory.mktemp("tls")
    names = ("-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", folder / "key.pem")
    command = (openssl, "req", "-x509", "-days", "2", *key, "-out", folder / "cert.pem", *names)
    subprocess.run(command, check=True, capture_output=True)
    return folder / "cert.pem", folder / "key.pem"


@pytest.fixture
def secure_site(site: Site, certificate: tuple[Path, Path]) -> Site:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    site.wrap(context)
    return site


def get(url: str, to: Path) -> DownloadedFile:
    return download(url, to, sources=LOOPBACK, sleep=lambda seconds: None)


@pytest.mark.parametrize("variable", ["SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"])
def test_a_bundle_of_ones_own_is_trusted(
    secure_site: Site,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
) -> None:
    monkeypatch.setenv(variable, str(certificate[0]))
    assert get(secure_site.gives("/a.csv", b"1"), tmp_path).bytes == 1


def test_a_stranger_is_not_trusted_and_not_asked_twice(secure_site: Site, tmp_path: Path) -> None:
    url = secure_site.gives("/a.csv", b"1")
    with pytest.raises(ConfigError, match="certificate is not trusted") as caught:
        get(url, tmp_path)
    assert "SSL_CERT_FILE" in caught.value.hint
    assert secure_site.seen == []


def test_no_redirect_from_https_to_http(
    secure_site: Site,
    other_site: Site,
    certificate: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate[0]))
    with pytest.raises(ConfigError, match="from https to plain http"):
        get(secure_site.redirects("/a.csv", other_site.gives("/a.csv", b"1")), tmp_path)
    assert other_site.seen == []


def test_a_registry_on_loopback_with_a_strange_certificate_is_not_asked_in_plain_text(secure_site: Site) -> None:
    with pytest.raises(ConfigError, match="certificate is not trusted"):
        check_push(f"127.0.0.1:{secure_site.port}/a:v1", Credential("pat", "word"))


def test_a_token_service_without_tls_gets_no_password(
    secure_site: Site, other_site: Site, certificate: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry that must have TLS (no loopback name) may not send the password elsewhere in plain text."""
    from llmwright.artifacts.addresses import parse_url
    from llmwright.artifacts.challenge import authorization, parse_challenges
    from llmwright.artifacts.wire import Wire

    challenges = parse_challenges([f'Bearer realm="{other_site.url}/token",service="s"'])
    registry = parse_url("https://registry.example/")
    with Wire(LOOPBACK) as wire, pytest.raises(ConfigError, match="has no TLS"):
        authorization(wire, challenges, "repository:a:pull", Credential("pat", "word"), registry=registry)
    assert other_site.seen == []


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry-After": "7"}, 7),
        ({"Retry-After": "3600"}, 30),
        ({"Retry-After": "Mon, 30 Nov 2026 01:00:09 GMT", "Date": "Mon, 30 Nov 2026 01:00:00 GMT"}, 9),
        ({"Retry-After": "Mon, 30 Nov 2026 00:00:00 GMT", "Date": "Mon, 30 Nov 2026 01:00:00 GMT"}, 0),
        ({"Retry-After": "Mon, 30 Nov 2026 00:00:00 GMT"}, 0),
        ({"Retry-After": "Mon, 30 Nov 2026 00:00:00 -0000", "Date": "Mon, 30 Nov 2026 01:00:00 GMT"}, 0),
        ({"Retry-After": "soon", "Date": "now"}, 0),
        ({"Retry-After": "9" * 5000}, 0),
        ({}, 0),
    ],
)
def test_the_wait_that_a_server_asks_for(headers: dict[str, str], seconds: float) -> None:
    with pytest.raises(TransientAnswer) as caught:
        raise_if_transient(httpx.Response(503, headers=headers))
    assert caught.value.wait_seconds == seconds
