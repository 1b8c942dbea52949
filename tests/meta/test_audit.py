"""The audit of dependencies: the pinned list, its refresh from OSV (a server on loopback), and no service at all."""

from __future__ import annotations

import json
import threading
import tomllib
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from constraints.audit import PINNED, Advisory, audit, locked, main, matches, of_osv, pinned, refresh

RECORD = {
    "id": "GHSA-vqfr-h8mv-ghfj",
    "affected": [
        {
            "package": {"name": "H11", "ecosystem": "PyPI"},
            "ranges": [
                {"type": "GIT", "events": [{"introduced": "0"}, {"fixed": "114803a"}]},
                {
                    "type": "ECOSYSTEM",
                    "events": [
                        {"introduced": "0"},
                        {"fixed": "0.5"},
                        {"introduced": "0.7"},
                        {"last_affected": "0.9"},
                        {"introduced": "0.14"},
                    ],
                },
            ],
        },
        {"package": {"name": "h11", "ecosystem": "Debian"}, "ranges": []},
    ],
}
RANGES = [Advisory(RECORD["id"], "h11", affected) for affected in ("<0.5", ">=0.7,<=0.9", ">=0.14")]  # type: ignore[arg-type]


@pytest.fixture
def lock(root: Path) -> Path:
    return root / "uv.lock"


def test_no_locked_release_is_in_the_pinned_list(lock: Path) -> None:
    day, advisories = pinned(PINNED)
    assert date.fromisoformat(day)
    assert len(advisories) >= 20
    assert matches(locked(lock), advisories) == []


def test_the_list_is_about_what_is_locked(lock: Path) -> None:
    assert {advisory.package for advisory in pinned(PINNED)[1]} <= set(locked(lock))


def test_a_release_with_a_known_weakness_is_named() -> None:
    lines = matches({"h11": {"0.14.0", "0.16.0"}, "starlette": {"1.2.0"}}, pinned(PINNED)[1])
    assert "h11 0.14.0: CVE-2025-43859 (affected: <0.16.0)" in lines
    assert [line.split(":")[0] for line in lines if "h11" not in line] == ["starlette 1.2.0", "starlette 1.2.0"]


def test_what_was_collected_by_hand_names_its_source() -> None:
    document = tomllib.loads(PINNED.read_text())
    assert document["complete"] or all(entry["source"] for entry in document["advisory"])


def test_the_ranges_of_osv() -> None:
    assert list(of_osv(RECORD, ["h11"])) == RANGES
    assert list(of_osv(RECORD, ["httpx"])) == []
    assert list(of_osv({**RECORD, "withdrawn": "2026-01-01T00:00:00Z"}, ["h11"])) == []
    assert [advisory.hits("0.8") for advisory in RANGES] == [False, True, False]


@pytest.fixture
def osv() -> Iterator[str]:
    class Osv(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            query = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            page = {"vulns": [RECORD]} if "page_token" in query else {"next_page_token": "2"}
            body = json.dumps(page if query["package"]["name"] == "h11" else {}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Osv)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_the_list_is_written_again_from_osv(osv: str, lock: Path, tmp_path: Path) -> None:
    assert refresh(osv, lock, tmp_path / "advisories.toml") == len(RANGES)
    assert pinned(tmp_path / "advisories.toml")[1] == sorted(RANGES)


def test_without_a_service_the_pinned_list_decides(
    lock: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    assert main(["--service", "http://127.0.0.1:9"]) == 0
    assert "0 of " in capsys.readouterr().out
    everything = tmp_path / "advisories.toml"
    everything.write_text(PINNED.read_text().replace('"<0.16.0"', '"<99"'))
    assert audit("http://127.0.0.1:9", lock, everything) == 1
    told = capsys.readouterr().out
    assert "CVE-2025-43859 (affected: <99)" in told
    assert "http://127.0.0.1:9 cannot be reached: the pinned list alone was asked" in told
