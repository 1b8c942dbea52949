"""The client of the model hub, and hubs that mean harm."""

from __future__ import annotations

import contextlib
import gzip
import time
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING

import pytest

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.hub_client import GuardedHubClient
from llmwright.errors import LLMwrightError

if TYPE_CHECKING:
    from tests.support.http_site import Site


def asked(url: str, token: str = "", rules: SourceRules | None = None, patience_s: float = 20.0) -> tuple[int, bytes]:
    with GuardedHubClient(rules or SourceRules(), patience_s=patience_s) as client:
        return client.get(url, token)


def refusal(url: str, token: str = "", patience_s: float = 20.0) -> LLMwrightError:
    with pytest.raises(LLMwrightError) as caught:
        asked(url, token, patience_s=patience_s)
    return caught.value


def test_the_hub_that_the_user_names_may_be_anywhere(site: Site) -> None:
    assert asked(site.gives("/o/n/resolve/main/config.json", b"{}"), "t0ken") == (200, b"{}")
    assert site.seen[0][1]["authorization"] == "Bearer t0ken"
    assert asked(site.url + "/none") == (404, b"")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:7f00:1]", "2130706433"])
def test_a_redirect_to_a_port_of_loopback_is_refused(site: Site, other_site: Site, host: str) -> None:
    target = other_site.gives("/x", b"secret").replace("127.0.0.1", host)
    error = refusal(site.redirects("/config.json", target), "t0ken")
    assert error.reason == "SourceRefused"
    assert "sources.allow" in error.message
    assert other_site.seen == []


def test_a_redirect_that_the_settings_allow_gets_no_token(site: Site, other_site: Site) -> None:
    url = site.redirects("/config.json", other_site.gives("/x", b"{}"))
    assert asked(url, "t0ken", SourceRules(("127.0.0.1",))) == (200, b"{}")
    assert "authorization" not in other_site.seen[0][1]


def test_a_metadata_service_is_no_hub() -> None:
    assert "always refused" in refusal("http://169.254.169.254/api/models/o/n").message


def test_a_document_that_never_ends(site: Site) -> None:
    sent = 0

    def endless(request: BaseHTTPRequestHandler) -> None:
        nonlocal sent
        request.send_response(200)
        request.send_header("Content-Length", str(2 * 1024**3))
        request.end_headers()
        with contextlib.suppress(OSError):
            while sent < 2 * 1024**3:
                sent += request.wfile.write(b" " * 65536)

    site.routes["/config.json"] = endless
    assert refusal(site.url + "/config.json").reason == "TooLarge"
    bomb = site.gives("/bomb", gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")
    assert refusal(bomb).reason == "TooLarge"
    assert sent < 64 * 1024**2


def test_a_byte_at_a_time(site: Site) -> None:
    def drips(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.end_headers()
        with contextlib.suppress(OSError):
            for _ in range(10_000):
                request.wfile.write(b" ")
                time.sleep(0.005)

    site.routes["/config.json"] = drips
    assert refusal(site.url + "/config.json", patience_s=0.1).reason == "TooSlow"


def test_a_token_that_cannot_be_sent(site: Site) -> None:
    error = refusal(site.gives("/config.json", b"{}"), "s3cr\u00e9t")
    assert error.reason == "TokenUnusable"
    assert "s3cr" not in str(error)
    assert refusal("no endpoint/api", "t").message.startswith("HF_ENDPOINT: ")
