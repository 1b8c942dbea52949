"""Downloads in their surroundings: redirects, proxies, certificates, local files."""

from __future__ import annotations

import hashlib
import logging
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from core.tests.artifacts.support.downloading import BODY, LOOPBACK, get, refusal

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.download import DownloadedFile, copy_local, fetch
from llmwright.errors import ConfigError

if TYPE_CHECKING:
    from tests.support.http_site import Site


def test_a_file_arrives_whole_with_its_digest_and_progress(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    url = site.gives("/data/train.parquet", BODY)
    file = get(url + "?v=1", tmp_path / "new" / "dir", progress=lambda done, total: seen.append((done, total)))
    assert file == DownloadedFile(tmp_path / "new/dir/train.parquet", len(BODY), hashlib.sha256(BODY).hexdigest())
    assert file.path.read_bytes() == BODY
    assert file.path.stat().st_mode & 0o777 == 0o644
    assert seen[-1] == (len(BODY), len(BODY))
    assert [path.name for path in file.path.parent.iterdir()] == ["train.parquet"]


def test_redirects_are_followed_and_the_first_name_kept(site: Site, tmp_path: Path) -> None:
    site.gives("/blob/123", b"abc")
    site.redirects("/b", "blob/123", 307)
    assert get(site.redirects("/set.csv", "/b", 301), tmp_path).path == tmp_path / "set.csv"


def test_endless_redirects_end(site: Site, tmp_path: Path) -> None:
    error = refusal(site.redirects("/a.csv", "/a.csv"), tmp_path)
    assert "more than 10 times" in error.message
    assert len(site.seen) == 11


class TestSurroundings:
    def test_a_proxy_gets_the_request_but_never_for_inner_literals(
        self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("http_proxy", site.url.replace("//", "//pat:word@"))
        site.gives("http://files.example/a.csv", b"1")
        assert get("http://files.example/a.csv", tmp_path, sources=SourceRules()).bytes == 1
        path, headers = site.seen[0]
        assert (path, headers["host"]) == ("http://files.example/a.csv", "files.example")
        assert headers["proxy-authorization"] == "Basic cGF0OndvcmQ="
        for url in ("http://10.0.0.1/x", "http://169.254.169.254/x", "http://metadata.google.internal/x"):
            assert refusal(url, tmp_path / "n", sources=SourceRules()).reason == "SourceRefused"
        assert len(site.seen) == 1

    @pytest.mark.parametrize("no_proxy", ["direct.example", ".example", "*"])
    def test_no_proxy(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, no_proxy: str) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        monkeypatch.setenv("no_proxy", no_proxy)
        site.gives("/a.csv", b"1")
        url = f"http://direct.example:{site.port}/a.csv"
        assert get(url, tmp_path, resolve=lambda host, port: [ip_address("127.0.0.1")]).bytes == 1

    def test_no_proxy_takes_cidrs_and_loopback_is_never_proxied(
        self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from llmwright.artifacts.addresses import parse_url
        from llmwright.artifacts.network_environment import proxy_for

        monkeypatch.setenv("http_proxy", "proxy.example:3128")
        monkeypatch.setenv("no_proxy", "10.0.0.0/8")
        assert proxy_for(parse_url("http://10.1.2.3/x")) is None
        assert proxy_for(parse_url("http://11.1.2.3/x")) == "http://proxy.example:3128"
        assert proxy_for(parse_url("https://11.1.2.3/x")) is None
        assert get(site.gives("/a.csv", b"1"), tmp_path).bytes == 1

    def test_a_proxy_of_another_kind_is_a_clear_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("all_proxy", "socks5://user:pa55word@127.0.0.1:1")
        error = refusal("http://files.example/x", tmp_path, sources=SourceRules())
        assert "not an http or https URL" in error.message
        assert "pa55word" not in str(error)

    def test_a_missing_ca_bundle_is_a_clear_error(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "none.pem"))
        with pytest.raises(ConfigError, match="REQUESTS_CA_BUNDLE"):
            get("http://8.8.8.8/x", tmp_path)

    def test_nothing_secret_is_logged_at_any_level(
        self, site: Site, other_site: Site, tmp_path: Path, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level(logging.DEBUG)
        target = other_site.gives("/b.csv", b"1") + "?sig=s3cret"
        get(site.redirects("/a.csv", target).replace("//", "//user:s3cret@") + "?token=s3cret", tmp_path)
        assert "s3cret" not in caplog.text


class TestLocal:
    def test_local_files_are_copied_only_when_allowed(self, tmp_path: Path) -> None:
        source = tmp_path / "a b.csv"
        source.write_bytes(b"1,2")
        for url in (str(source), source.as_uri(), f"file://localhost{source}".replace(" ", "%20")):
            assert refusal(url, tmp_path / "none").reason == "SourceRefused"
            with pytest.raises(ConfigError):
                fetch(url, tmp_path / "to", sources=LOOPBACK)
            file = fetch(url, tmp_path / "to", sources=LOOPBACK, local=True)
            assert file == DownloadedFile(tmp_path / "to/a b.csv", 3, hashlib.sha256(b"1,2").hexdigest())

    def test_what_is_no_local_file(self, tmp_path: Path) -> None:
        for url in (str(tmp_path), str(tmp_path / "none"), "file://server/share/x", "file:relative"):
            with pytest.raises(ConfigError):
                copy_local(url, tmp_path / "to")

    def test_fetch_reads_the_web_too(self, site: Site, tmp_path: Path) -> None:
        assert fetch(site.gives("/a.csv", b"1"), tmp_path, sources=LOOPBACK, local=True).bytes == 1
