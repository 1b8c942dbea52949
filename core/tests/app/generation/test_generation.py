"""Servers that go away, refuse the key or ask for patience while a file of requests is answered."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.support.openai_peer import Manner, openai_peer

from llmwright.app.generation.generation import Generation, Progress
from llmwright.app.generation.input_file import Defaults, LineRequest, request_of
from llmwright.app.generation.output_file import OutputFile
from llmwright.errors import ConfigError, TargetError

DEFAULTS = Defaults("tiny", "chat", {})


def requests(count: int) -> list[LineRequest]:
    return [request_of({"prompt": f"question {number}"}, number, DEFAULTS) for number in range(1, count + 1)]


def run(url: str, output: OutputFile, count: int, **options: Any) -> Progress:
    given = {"concurrency": 2, "timeout_s": 30.0, "pause_s": 0.001, **options}
    return Generation(url, None, output, count, **given).run()


def test_a_server_that_is_gone_ends_the_run_and_spoils_no_line(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with openai_peer() as peer, OutputFile(out, requests(2)) as output:
        assert run(peer.url, output, 2) == Progress(2, 2, 0)
    with OutputFile(out, requests(5)) as output, pytest.raises(TargetError, match="does not answer any more") as caught:
        run(peer.url, output, 5)
    assert "goes on with the rest" in (caught.value.hint or "")
    assert len(out.read_text().splitlines()) == 2


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_ends_the_run(tmp_path: Path, status: int) -> None:
    with openai_peer(Manner(status=status)) as peer, OutputFile(tmp_path / "out", requests(4)) as output:
        with pytest.raises(ConfigError, match="refuses the API key"):
            run(peer.url, output, 4)
        assert len(peer.bodies) <= 2
    assert (tmp_path / "out").read_text() == ""


def test_a_server_that_stays_busy_has_its_status_in_the_line(tmp_path: Path) -> None:
    with openai_peer(Manner(status=503)) as peer, OutputFile(tmp_path / "out", requests(1)) as output:
        assert run(peer.url, output, 1) == Progress(1, 0, 1)
        assert len(peer.bodies) > 3
    assert json.loads((tmp_path / "out").read_text())["response"]["status_code"] == 503


def test_as_many_are_under_way_as_was_asked(tmp_path: Path) -> None:
    seen: list[Progress] = []
    with openai_peer(Manner(first_piece_s=0.01)) as peer, OutputFile(tmp_path / "out", requests(12)) as output:
        run(peer.url, output, 12, concurrency=3, on_answer=seen.append)
        assert peer.most_under_way == 3
    assert [progress.answered for progress in seen] == [*range(1, 13)]


def test_a_request_s_name_follows_from_all_that_is_asked() -> None:
    first = request_of({"prompt": "a"}, 1, DEFAULTS)
    assert first.digest == request_of({"prompt": "a"}, 1, DEFAULTS).digest
    others = (
        request_of({"prompt": "b"}, 1, DEFAULTS),
        request_of({"prompt": "a"}, 2, DEFAULTS),
        request_of({"prompt": "a", "seed": 1}, 1, DEFAULTS),
        request_of({"prompt": "a"}, 1, Defaults("tiny", "completions", {})),
        request_of({"prompt": "a"}, 1, Defaults("tiny", "chat", {"max_tokens": 3})),
    )
    assert len({first.digest, *(other.digest for other in others)}) == 6
