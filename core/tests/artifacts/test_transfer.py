"""What a transfer survives, and what ends it: breaks, other lengths, codings, full disks."""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import os
import socket
import time
import tracemalloc
import zlib
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from core.tests.artifacts.support.downloading import BODY, LOOPBACK, breaks_off_after, get, refusal

from llmwright.artifacts.download import download
from llmwright.errors import ConfigError, TargetError

if TYPE_CHECKING:
    from tests.support.http_site import Site


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
