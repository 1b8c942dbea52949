"""Where a download may go, and what it shows to whom."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from core.tests.artifacts.support.downloading import ANYWHERE, get, refusal

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.networks import IPAddress

if TYPE_CHECKING:
    from tests.support.http_site import Site


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_loopback_is_refused_in_every_notation_and_reached_when_allowed(site: Site, tmp_path: Path, host: str) -> None:
    url = site.gives("/a.json", b"{}").replace("127.0.0.1", host)
    error = refusal(url, tmp_path, sources=SourceRules())
    assert (error.reason, error.exit_code) == ("SourceRefused", 2)
    assert "sources.allow" in error.message + error.hint
    assert site.seen == []
    assert get(url, tmp_path).bytes == 2


def test_a_redirect_to_an_inner_address_is_refused(site: Site, other_site: Site, tmp_path: Path) -> None:
    inner = other_site.gives("/x", b"secret").replace("127.0.0.1", "127.0.0.2")
    error = refusal(site.redirects("/a.csv", inner), tmp_path)
    assert error.reason == "SourceRefused"
    assert "127.0.0.2 is a loopback address" in error.message
    assert other_site.seen == []
    for target in ("http://169.254.169.254/", "file:///etc/passwd", "http://2852039166/", "", "http://a\\b/"):
        assert refusal(site.redirects("/a.csv", target), tmp_path, sources=ANYWHERE)


def test_credentials_go_to_their_own_origin_only(site: Site, other_site: Site, tmp_path: Path) -> None:
    site.redirects("/a.csv", "/b.csv")
    site.redirects("/b.csv", other_site.gives("/c.csv", b"1"))
    get(site.url.replace("//", "//user:p%40ss@") + "/a.csv", tmp_path)
    assert [headers["authorization"] for _, headers in site.seen] == ["Basic dXNlcjpwQHNz"] * 2
    assert "authorization" not in other_site.seen[0][1]


def test_a_hub_token_goes_to_the_hub_only(
    site: Site, other_site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", site.url)
    monkeypatch.setenv("HF_TOKEN", "hf_s3cret")
    site.redirects("/datasets/o/n/resolve/v1/d/train.jsonl", other_site.gives("/x", b"{}"))
    assert get("hf://datasets/o/n@v1/d/train.jsonl", tmp_path).path.name == "train.jsonl"
    assert site.seen[0][1]["authorization"] == "Bearer hf_s3cret"
    assert "authorization" not in other_site.seen[0][1]
    assert (
        refusal("hf://datasets/o/n@v1/d/train.jsonl", tmp_path / "b", sources=SourceRules()).reason == "SourceRefused"
    )


def test_the_hub_s_own_settings(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "no endpoint")
    assert "HF_ENDPOINT" in refusal("hf://o/n/a.json", tmp_path).message
    monkeypatch.setenv("HF_ENDPOINT", site.url)
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in refusal("hf://o/n/a.json", tmp_path).message
    assert site.seen == []


class TestRebinding:
    def test_all_answers_are_judged_and_the_judged_address_is_used(self, site: Site, tmp_path: Path) -> None:
        asked: list[str] = []

        def resolve(host: str, port: int) -> Sequence[IPAddress]:
            asked.append(host)
            return [ip_address("8.8.8.8" if len(asked) == 1 else "127.0.0.1")]

        connected: list[str] = []

        def connect(address: tuple[str, int], *rest: Any, **more: Any) -> socket.socket:
            connected.append(address[0])
            raise ConnectionRefusedError

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(socket, "create_connection", connect)
            error = refusal(f"http://rebind.example:{site.port}/x", tmp_path, sources=SourceRules(), resolve=resolve)
        assert error.reason == "SourceRefused"
        assert connected == ["8.8.8.8"]
        assert asked == ["rebind.example"] * 2
        assert site.seen == []

    def test_one_inner_answer_among_public_ones_refuses(self, tmp_path: Path) -> None:
        both = [ip_address("8.8.8.8"), ip_address("10.0.0.1")]
        error = refusal("http://two.example/x", tmp_path, sources=SourceRules(), resolve=lambda host, port: both)
        assert "two.example (10.0.0.1) is a private address" in error.message

    def test_a_name_that_is_a_metadata_service_is_refused_though_the_host_is_allowed(self, tmp_path: Path) -> None:
        answer = [ip_address("169.254.169.254")]
        rules = SourceRules(("cloud.example", "169.254.0.0/16"))
        error = refusal("http://cloud.example/x", tmp_path, sources=rules, resolve=lambda host, port: answer)
        assert "always refused" in error.message

    def test_an_allowed_host_or_cidr_is_reached_by_its_name(self, site: Site, tmp_path: Path) -> None:
        site.gives("/x.csv", b"1")
        url = f"http://files.example:{site.port}/x.csv"
        for allow in ("files.example", "127.0.0.0/8"):
            get(url, tmp_path, sources=SourceRules((allow,)), resolve=lambda host, port: [ip_address("127.0.0.1")])
        assert site.seen[0][1]["host"] == f"files.example:{site.port}"
