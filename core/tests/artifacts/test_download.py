"""Downloads from real servers on loopback: redirects, ranges, truncation, lies, limits, rebinding, proxies."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import logging
import os
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Sequence
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from llmwright.artifacts.addresses import SourceRules
from llmwright.artifacts.download import DownloadedFile, copy_local, download, fetch
from llmwright.artifacts.networks import IPAddress
from llmwright.errors import ConfigError, LLMwrightError, TargetError

if TYPE_CHECKING:
    from core.tests.artifacts.support.http_site import Site

LOOPBACK = SourceRules(("127.0.0.1",))
ANYWHERE = SourceRules(("0.0.0.0/0", "::/0"))
BODY = bytes(range(256)) * 2000


def get(url: str, to: Path, **more: Any) -> DownloadedFile:
    more.setdefault("sources", LOOPBACK)
    return download(url, to, sleep=lambda seconds: None, **more)


def refusal(url: str, to: Path, **more: Any) -> LLMwrightError:
    with pytest.raises(LLMwrightError) as caught:
        get(url, to, **more)
    assert list(to.glob("*")) == []
    assert list(to.glob(".*")) == []
    return caught.value


def breaks_off_after(count: int, body: bytes, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    """Answers that announce the whole body and hang up early; later requests are served, by range where asked."""
    asked: list[str | None] = []

    def answer(request: BaseHTTPRequestHandler) -> None:
        asked.append(request.headers.get("Range"))
        start = 0
        if asked[-1] and request.headers.get("If-Range") == headers.get("ETag"):
            start = int(asked[-1].removeprefix("bytes=").removesuffix("-"))
        request.send_response(206 if start else 200)
        request.send_header("Content-Length", str(len(body) - start))
        if start:
            request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        for key, value in headers.items():
            request.send_header(key, value)
        request.end_headers()
        request.wfile.write(body[start : start + count] if len(asked) == 1 else body[start:])
        request.close_connection = True

    return answer


def test_a_file_arrives_whole_with_its_digest_and_progress(site: Site, tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    url = site.gives("/data/train.parquet", BODY)
    file = get(url + "?v=1", tmp_path / "new" / "dir", progress=lambda done, total: seen.append((done, total)))
    assert file == DownloadedFile(tmp_path / "new/dir/train.parquet", len(BODY), hashlib.sha256(BODY).hexdigest())
    assert file.path.read_bytes() == BODY
    assert file.path.stat().st_mode & 0o777 == 0o644
    assert seen[-1] == (len(BODY), len(BODY))
    assert [path.name for path in file.path.parent.iterdir()] == ["train.parquet"]


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "2130706433", "0x7f.1", "[::ffff:127.0.0.1]"])
def test_loopback_is_refused_in_every_notation_and_reached_when_allowed(site: Site, tmp_path: Path, host: str) -> None:
    url = site.gives("/a.json", b"{}").replace("127.0.0.1", host)
    error = refusal(url, tmp_path, sources=SourceRules())
    assert (error.reason, error.exit_code) == ("SourceRefused", 2)
    assert "sources.allow" in error.message + error.hint
    assert site.seen == []
    assert get(url, tmp_path).bytes == 2


def test_redirects_are_followed_and_the_first_name_kept(site: Site, tmp_path: Path) -> None:
    site.gives("/blob/123", b"abc")
    site.redirects("/b", "blob/123", 307)
    assert get(site.redirects("/set.csv", "/b", 301), tmp_path).path == tmp_path / "set.csv"


def test_a_redirect_to_an_inner_address_is_refused(site: Site, other_site: Site, tmp_path: Path) -> None:
    inner = other_site.gives("/x", b"secret").replace("127.0.0.1", "127.0.0.2")
    error = refusal(site.redirects("/a.csv", inner), tmp_path)
    assert error.reason == "SourceRefused"
    assert "127.0.0.2 is a loopback address" in error.message
    assert other_site.seen == []
    for target in ("http://169.254.169.254/", "file:///etc/passwd", "http://2852039166/", "", "http://a\\b/"):
        assert refusal(site.redirects("/a.csv", target), tmp_path, sources=ANYWHERE)


def test_endless_redirects_end(site: Site, tmp_path: Path) -> None:
    error = refusal(site.redirects("/a.csv", "/a.csv"), tmp_path)
    assert "more than 10 times" in error.message
    assert len(site.seen) == 11


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


class TestTransfer:
    def test_a_broken_transfer_goes_on_where_it_ended(self, site: Site, tmp_path: Path) -> None:
        site.routes["/a.bin"] = breaks_off_after(300_000, BODY, ETag='"v1"')
        assert get(site.url + "/a.bin", tmp_path).path.read_bytes() == BODY
        assert "range" not in site.seen[0][1]
        assert site.seen[1][1]["range"].startswith("bytes=")
        assert site.seen[1][1]["if-range"] == '"v1"'

    def test_without_a_validator_it_starts_again(self, site: Site, tmp_path: Path) -> None:
        site.routes["/a.bin"] = breaks_off_after(300_000, BODY)
        assert get(site.url + "/a.bin", tmp_path).path.read_bytes() == BODY
        assert "range" not in site.seen[1][1]

    def test_a_changed_file_is_not_mixed(self, site: Site, tmp_path: Path) -> None:
        first = breaks_off_after(300_000, BODY, ETag='"v1"')

        def answer(request: BaseHTTPRequestHandler) -> None:
            if len(site.seen) == 1:
                first(request)
            else:
                site.reply(request, 200, b"new" * 100, ETag='"v2"')

        site.routes["/a.bin"] = answer
        assert get(site.url + "/a.bin", tmp_path).path.read_bytes() == b"new" * 100

    @pytest.mark.parametrize("part", ["bytes 0-4/10", "bytes 0-9/10", "bytes 0-4/*", ""])
    def test_a_part_that_nobody_asked_for_is_an_error(self, site: Site, tmp_path: Path, part: str) -> None:
        error = refusal(site.gives("/a.bin", b"01234", 206, Content_Range=part), tmp_path)
        assert error.reason == "Unreachable"
        assert "another part of the file than was asked for" in error.message

    @pytest.mark.parametrize(
        "range_answered",
        [
            "bytes 0-9/512000",
            "bytes 7-9/10",
            "nonsense",
            "",
            f"bytes {'9' * 5000}-9/10",
            f"bytes 300000-511999/{'9' * 5000}",
        ],
    )
    def test_a_wrong_part_is_not_used(self, site: Site, tmp_path: Path, range_answered: str) -> None:
        first = breaks_off_after(300_000, BODY, ETag='"v1"')

        def answer(request: BaseHTTPRequestHandler) -> None:
            if len(site.seen) == 2:
                site.reply(request, 206, b"0123456789", Content_Range=range_answered)
            else:
                first(request)

        site.routes["/a.bin"] = answer
        assert get(site.url + "/a.bin", tmp_path).path.read_bytes() == BODY

    def test_a_part_beyond_the_end_starts_again(self, site: Site, tmp_path: Path) -> None:
        first = breaks_off_after(300_000, BODY, ETag='"v1"')

        def answer(request: BaseHTTPRequestHandler) -> None:
            if len(site.seen) == 2:
                site.reply(request, 416, b"")
            else:
                first(request)

        site.routes["/a.bin"] = answer
        assert get(site.url + "/a.bin", tmp_path).path.read_bytes() == BODY

    def test_three_short_answers_are_an_error(self, site: Site, tmp_path: Path) -> None:
        def answer(request: BaseHTTPRequestHandler) -> None:
            site.reply(request, 200, b"abc", Content_Length="1000")
            request.close_connection = True

        site.routes["/a.bin"] = answer
        error = refusal(site.url + "/a.bin", tmp_path)
        assert (error.reason, error.exit_code) == ("Unreachable", 1)
        assert "3 attempts" in error.message
        assert len(site.seen) == 3

    @pytest.mark.parametrize("status", [429, 500, 503])
    def test_a_passing_failure_passes(self, site: Site, tmp_path: Path, status: int) -> None:
        waits: list[float] = []

        def answer(request: BaseHTTPRequestHandler) -> None:
            if len(site.seen) < 3:
                site.reply(request, status, b"busy", Retry_After="7" if len(site.seen) == 1 else "9999")
            else:
                site.reply(request, 200, b"ok")

        site.routes["/a.bin"] = answer
        file = download(site.url + "/a.bin", tmp_path, sources=LOOPBACK, sleep=waits.append)
        assert file.path.read_bytes() == b"ok"
        assert waits == [7.0, 30.0]

    def test_a_server_that_stops_sending_is_left(self, site: Site, tmp_path: Path) -> None:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", "10")
            request.end_headers()
            request.wfile.write(b"abc")
            time.sleep(1.0)

        site.routes["/a.bin"] = answer
        assert refusal(site.url + "/a.bin", tmp_path, read_seconds=0.1).reason == "Unreachable"

    def test_a_byte_at_a_time_for_ever_ends(self, site: Site, tmp_path: Path) -> None:
        def drips(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Content-Length", "1000000")
            request.end_headers()
            with contextlib.suppress(OSError):
                for _ in range(10_000):
                    request.wfile.write(b"x")
                    time.sleep(0.005)

        site.routes["/a.bin"] = drips
        error = refusal(site.url + "/a.bin", tmp_path, patience_s=0.1)
        assert (error.reason, error.exit_code) == ("TooSlow", 1)
        assert "/a.bin: less than 16 KiB a second" in error.message
        assert len(site.seen) == 1

    def test_headers_that_never_end_do(self, site: Site, tmp_path: Path) -> None:
        def drips(request: BaseHTTPRequestHandler) -> None:
            with contextlib.suppress(OSError):
                request.wfile.write(b"HTTP/1.1 200 OK\r\n")
                for number in range(10_000):
                    request.wfile.write(b"X-%d: y\r\n" % number)
                    time.sleep(0.005)

        site.routes["/a.bin"] = drips
        assert refusal(site.url + "/a.bin", tmp_path, patience_s=0.1).reason == "TooSlow"

    @pytest.mark.parametrize("length", ["9" * 5000, "-1", "ten", "\u0661"])
    def test_a_length_that_cannot_be(self, site: Site, tmp_path: Path, length: str) -> None:
        def answer(request: BaseHTTPRequestHandler) -> None:
            request.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nx".encode())
            request.close_connection = True

        site.routes["/a.bin"] = answer
        assert refusal(site.url + "/a.bin", tmp_path).reason in ("Unreachable", "NoDiskSpace", "TooLarge")

    def test_a_token_that_no_header_holds_is_named_and_not_shown(
        self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("HF_ENDPOINT", site.url)
        for token in ("hf_s3crét", "hf_s3cret\n", "hf_s3cret x"):
            monkeypatch.setenv("HF_TOKEN", token)
            error = refusal("hf://o/n/a.json", tmp_path)
            assert error.reason == "TokenUnusable"
            assert "HF_TOKEN" in error.message
            assert "s3cr" not in str(error)

    def test_nobody_there(self, site: Site, tmp_path: Path) -> None:
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            error = refusal(f"http://127.0.0.1:{taken.getsockname()[1]}/a?sig=s3cret", tmp_path)
        assert "sig=***" in error.message
        assert "s3cret" not in str(error)

    def test_chunked_and_compressed_answers(self, site: Site, tmp_path: Path) -> None:
        def chunked(request: BaseHTTPRequestHandler) -> None:
            request.send_response(200)
            request.send_header("Transfer-Encoding", "chunked")
            request.end_headers()
            request.wfile.write(b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")

        site.routes["/c.bin"] = chunked
        assert get(site.url + "/c.bin", tmp_path).path.read_bytes() == b"abcde"
        packed = site.gives("/z.json", gzip.compress(b"[1]"), Content_Encoding="gzip")
        assert get(packed, tmp_path).path.read_bytes() == b"[1]"
        assert (
            refusal(site.gives("/y.json", b"no gzip", Content_Encoding="gzip"), tmp_path / "y").reason == "Unreachable"
        )

    @pytest.mark.parametrize(
        ("status", "reason"), [(401, "AccessDenied"), (403, "AccessDenied"), (404, "NotFound"), (204, "NotFound")]
    )
    def test_what_the_server_denies(self, site: Site, tmp_path: Path, status: int, reason: str) -> None:
        error = refusal(site.gives("/a.bin", b"", status), tmp_path)
        assert (error.reason, error.exit_code) == (reason, 2)
        assert len(site.seen) == 1

    def test_empty_is_no_file(self, site: Site, tmp_path: Path) -> None:
        assert refusal(site.gives("/a.bin", b""), tmp_path).reason == "EmptyFile"

    def test_limit_by_announcement_and_by_count(self, site: Site, tmp_path: Path) -> None:
        assert refusal(site.gives("/a.bin", BODY), tmp_path, max_bytes=1000).reason == "TooLarge"
        bomb = site.gives("/b.bin", gzip.compress(b"0" * 10_000_000), Content_Encoding="gzip")
        assert refusal(bomb, tmp_path, max_bytes=1_000_000).reason == "TooLarge"

    @pytest.mark.parametrize("times", [2, 3])
    def test_a_bomb_in_a_bomb(self, site: Site, tmp_path: Path, times: int) -> None:
        """Unpacked in one step, the second of these would be 100 MB."""
        body = gzip.compress(bytes(100_000_000), 1)
        for _ in range(times - 1):
            body = gzip.compress(body)
        url = site.gives("/b.bin", body, Content_Encoding=", ".join(["gzip"] * times))
        tracemalloc.start()
        assert refusal(url, tmp_path, max_bytes=5_000_000).reason == "TooLarge"
        assert tracemalloc.get_traced_memory()[1] < 30_000_000
        tracemalloc.stop()

    def test_codings_in_their_order_and_those_that_cannot_be_read(self, site: Site, tmp_path: Path) -> None:
        once = zlib.compress(BODY)
        for body, coding in (
            (gzip.compress(once), "deflate, gzip"),
            (once[2:-4], "deflate"),
            (gzip.compress(BODY[:1000]) + gzip.compress(BODY[1000:]) + bytes(20), "x-gzip"),
            (BODY, "identity"),
        ):
            url = site.gives("/c.bin", body, Content_Encoding=coding)
            assert get(url, tmp_path).path.read_bytes() == BODY
        for coding in ("br", "gzip, gzip, gzip, gzip", "gzip;q=1"):
            error = refusal(site.gives("/d.bin", b"x", Content_Encoding=coding), tmp_path / "d")
            assert error.reason == "UnknownCoding"
        cut = site.gives("/e.bin", gzip.compress(BODY)[:-20], Content_Encoding="gzip")
        assert "breaks off" in refusal(cut, tmp_path / "e").message

    def test_digest(self, site: Site, tmp_path: Path) -> None:
        url = site.gives("/a.bin", b"abc")
        assert refusal(url, tmp_path, sha256="0" * 64).reason == "DigestMismatch"
        assert get(url, tmp_path, sha256="sha256:" + hashlib.sha256(b"abc").hexdigest().upper()).bytes == 3

    def test_an_old_file_survives_a_failure_and_a_success_replaces_it(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / "a.bin").write_bytes(b"old")
        with pytest.raises(ConfigError):
            get(site.gives("/a.bin", b""), tmp_path)
        assert (tmp_path / "a.bin").read_bytes() == b"old"
        assert get(site.gives("/a.bin", b"new"), tmp_path).path.read_bytes() == b"new"
        assert get(site.url + "/a.bin", tmp_path, taken={"a.bin"}).path == tmp_path / "a-2.bin"


class TestDisk:
    def test_too_little_space_is_said_before_the_transfer(self, site: Site, tmp_path: Path) -> None:
        def announces(request: BaseHTTPRequestHandler) -> None:
            site.reply(request, 200, b"x", Content_Length=str(1 << 60))
            request.close_connection = True

        site.routes["/a.bin"] = announces
        error = refusal(site.url + "/a.bin", tmp_path, max_bytes=1 << 62)
        assert isinstance(error, TargetError)
        assert (error.reason, error.exit_code) == ("NoDiskSpace", 2)
        assert f"{1 << 60:,} bytes are needed" in error.message

    def test_a_disk_that_fills_up(self, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(handle: int) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr(os, "fsync", full)
        assert refusal(site.gives("/a.bin", b"x"), tmp_path).reason == "NoDiskSpace"

    def test_a_directory_that_cannot_be_made(self, site: Site, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(ConfigError, match="cannot use"):
            get(site.gives("/a.bin", b"x"), tmp_path / "file" / "dir")


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
