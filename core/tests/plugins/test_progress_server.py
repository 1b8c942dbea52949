"""A workload's process tells its progress."""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from llmwright.plugins.progress_server import PORT, downloads_told, serve_progress
from llmwright.testing.cluster.programs import free_port


def asked(port: int, path: str = "/progress") -> object:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_the_last_whole_step_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PORT, str(free_port()))
    server = serve_progress(file)
    assert server is not None
    port = server.server_port
    assert asked(port) == 404
    first, second = ({"event": "step", "step": number, "steps": 9, "loss": 1.5} for number in (1, 2))
    file.write_text(f"{json.dumps(first)}\n{json.dumps(second)}\n" + '{"event": "note"}\n{"event": "st')
    assert asked(port) == second
    assert asked(port, "/etc/passwd") == 404
    assert serve_progress(file) is None, "the port is taken, and that ends no tuning"
    os.utime(file, (0, 0))
    assert asked(port) == 404, "it is the file of an earlier tuning"


@pytest.mark.parametrize("port", ["", "x", "99999999"])
def test_nothing_listens_without_a_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, port: str) -> None:
    monkeypatch.setenv(PORT, port)
    assert serve_progress(tmp_path / "progress.jsonl") is None


def test_a_download_is_told_while_it_is_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    monkeypatch.setenv(PORT, str(port))
    with downloads_told() as tell:
        assert tell is not None
        assert asked(port) == 404
        tell({"event": "download", "bytes": 1, "total": 2})
        assert asked(port) == {"event": "download", "bytes": 1, "total": 2}
    with pytest.raises(urllib.error.URLError, match="refused"):
        asked(port)


def test_a_tuner_tells_its_download_and_then_its_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "progress.jsonl"
    monkeypatch.setenv(PORT, str(free_port()))
    server = serve_progress(file)
    assert server is not None
    port = server.server_port
    with downloads_told(server) as tell:
        assert tell is not None
        tell({"event": "pull", "bytes": 1, "total": 2})
        assert asked(port) == {"event": "pull", "bytes": 1, "total": 2}
    assert asked(port) == 404
    file.write_text('{"event": "step", "step": 1, "steps": 9}\n')
    assert asked(port) == {"event": "step", "step": 1, "steps": 9}


def test_no_download_is_told_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PORT, raising=False)
    with downloads_told() as tell:
        assert tell is None
