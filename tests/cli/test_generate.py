"""``llmwright generate``: what is asked and written, how a run goes on, and how it ends."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.support.command import Run
from tests.support.openai_peer import Manner, openai_peer
from tests.support.waiting import wait_until

LINES = (
    {"prompt": "one"},
    {"custom_id": "second", "messages": [{"role": "user", "content": "two"}], "max_tokens": 3},
    {"custom_id": "third", "method": "POST", "url": "/v1/completions", "body": {"model": "tiny", "prompt": "three"}},
)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "in.jsonl", *LINES)
    return tmp_path


def write(path: Path, *lines: Any) -> None:
    path.write_text("".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines))


def answers(path: Path) -> dict[str, dict[str, Any]]:
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    names = [line["custom_id"] for line in lines]
    assert len(names) == len(set(names))
    return dict(zip(names, lines, strict=True))


def test_each_line_is_asked_and_written_once(run: Run, folder: Path) -> None:
    with openai_peer() as peer:
        ended = run("generate", peer.url + "/v1", "-f", "in.jsonl", "-o", "out.jsonl", "--max-tokens", "5")
    assert (ended.code, ended.out) == (0, "")
    assert "3 of 3 requests are answered in out.jsonl" in ended.err
    lines = answers(folder / "out.jsonl")
    assert lines.keys() == {"1", "second", "third"}
    assert all(line["response"]["status_code"] == 200 and line["error"] is None for line in lines.values())
    assert lines["1"]["response"]["body"]["choices"][0]["message"]["content"]
    sent = sorted(peer.bodies, key=lambda body: ("prompt" in body, body["max_tokens"] == 3))
    assert [body["max_tokens"] for body in sent] == [5, 3, 5]
    assert sent[2]["prompt"] == "three"
    assert all(body["model"] == "tiny" and not body.get("stream") for body in sent)
    assert sent[0]["messages"] == [{"role": "user", "content": "one"}]


def test_a_second_run_asks_nothing_and_a_longer_file_only_the_rest(run: Run, folder: Path) -> None:
    with openai_peer() as peer:
        ask = ("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
        assert run(*ask).code == run(*ask).code == 0
        assert len(peer.bodies) == 3
        write(folder / "in.jsonl", *LINES, {"custom_id": "fourth", "prompt": "four"})
        assert run(*ask).code == 0
        assert len(peer.bodies) == 4
    assert answers(folder / "out.jsonl").keys() == {"1", "second", "third", "fourth"}


@pytest.mark.parametrize("cut", [1, 20])
def test_half_a_line_of_a_run_that_was_killed_is_written_anew(run: Run, folder: Path, cut: int) -> None:
    with openai_peer() as peer:
        ask = ("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl", "--concurrency", "1")
        run(*ask)
        whole = (folder / "out.jsonl").read_bytes()
        (folder / "out.jsonl").write_bytes(whole[:-cut])
        assert run(*ask).code == 0
        assert len(peer.bodies) == 4
    assert len(answers(folder / "out.jsonl")) == 3


def test_a_run_that_is_killed_goes_on_where_it_was(run: Run, folder: Path) -> None:
    write(folder / "in.jsonl", *({"prompt": f"question {number}"} for number in range(40)))
    out = folder / "out.jsonl"
    with openai_peer(Manner(first_piece_s=0.02)) as peer:
        ask = ("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl", "--concurrency", "2")
        process = subprocess.Popen([sys.executable, "-m", "llmwright", *ask], cwd=folder)
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") > 3, "some answers are written")
        process.kill()
        process.wait()
        kept = out.read_bytes().count(b"\n")
        asked = len(peer.bodies)
        assert run(*ask).code == 0
        assert len(peer.bodies) - asked == 40 - kept
    assert len(answers(out)) == 40


def test_ctrl_c_keeps_what_is_answered(folder: Path) -> None:
    write(folder / "in.jsonl", *({"prompt": f"question {number}"} for number in range(40)))
    out = folder / "out.jsonl"
    with openai_peer(lambda number, _: Manner(first_piece_s=0 if number < 5 else 600)) as peer:
        ask = ("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl", "--concurrency", "2")
        process = subprocess.Popen([sys.executable, "-m", "llmwright", *ask], cwd=folder)
        wait_until(lambda: out.exists() and out.read_bytes().count(b"\n") == 5, "five answers are written")
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 130
    assert len(answers(out)) == 5


def test_a_refused_line_has_its_error_and_the_code_is_one(run: Run, folder: Path) -> None:
    def refuses(_: int, body: Mapping[str, Any]) -> Manner:
        return Manner(status=400 if body.get("max_tokens") == 3 else 200)

    with openai_peer(refuses) as peer:
        ended = run("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
    assert ended.code == 1
    assert "2 of 3 requests are answered" in ended.err
    assert "1 failed" in ended.err
    line = answers(folder / "out.jsonl")["second"]
    assert line["response"]["status_code"] == 400
    assert line["response"]["body"]["error"]["message"]


def test_a_busy_server_is_asked_again(run: Run, folder: Path) -> None:
    with openai_peer(lambda number, _: Manner(status=429 if number == 0 else 200)) as peer:
        ended = run("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
        assert len(peer.bodies) == 4
    assert ended.code == 0


def test_an_answer_that_takes_too_long_is_its_line_s_error(run: Run, folder: Path) -> None:
    with openai_peer(lambda _, body: Manner(first_piece_s=600 if body.get("max_tokens") == 3 else 0)) as peer:
        ended = run("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl", "--timeout", "2s")
    assert ended.code == 1
    line = answers(folder / "out.jsonl")["second"]
    assert (line["response"], line["error"]["code"]) == (None, "timeout")


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "in.jsonl:2: is no JSON"),
        ('"text"', "in.jsonl:2: is no object"),
        ({"custom_id": "a"}, 'in.jsonl:2: has no "prompt" or "messages"'),
        ({"prompt": "a", "messages": [{"role": "user", "content": "b"}]}, 'in.jsonl:2: has both "prompt" and'),
        ({"prompt": ""}, 'in.jsonl:2: "prompt" is empty'),
        ({"prompt": 5}, 'in.jsonl:2: "prompt" is no text'),
        ({"messages": []}, 'in.jsonl:2: "messages" is no list of messages'),
        ({"messages": [{"content": "a"}]}, 'in.jsonl:2: "messages[0]" is no message with a role'),
        ({"prompt": "a", "stream": True}, 'in.jsonl:2: has "stream": answers are written whole'),
        ({"custom_id": 5, "prompt": "a"}, 'in.jsonl:2: "custom_id" is no text'),
        ({"custom_id": "1", "prompt": "a"}, "in.jsonl:2: \"custom_id\" '1' is that of line 1 too"),
        ({"body": {"prompt": "a"}, "url": "/v1/embeddings"}, 'in.jsonl:2: "url" is neither'),
        ({"body": {"prompt": "a"}, "temperature": 1}, 'in.jsonl:2: "temperature" stands beside "body"'),
        ({"body": {"prompt": "a"}, "method": "GET"}, 'in.jsonl:2: "method" is not POST'),
        ({"body": "text"}, 'in.jsonl:2: "body" is no object'),
    ],
)
def test_a_line_that_is_no_request_is_named_and_nothing_is_asked(run: Run, folder: Path, line: Any, why: str) -> None:
    write(folder / "in.jsonl", {"prompt": "first"}, line)
    ended = run("generate", "http://127.0.0.1:9", "-f", "in.jsonl", "-o", "out.jsonl")
    assert ended.code == 2
    assert why in ended.err
    assert not (folder / "out.jsonl").exists()


def an_answer_of_another_file(folder: Path) -> None:
    write(folder / "out.jsonl", {"id": "batch_req_1", "custom_id": "elsewhere", "response": None, "error": None})


def an_answer_to_another_question(folder: Path) -> None:
    write(folder / "out.jsonl", {"id": "batch_req_1", "custom_id": "second", "response": None, "error": None})


def something_else(folder: Path) -> None:
    write(folder / "out.jsonl", "a diary", "of two lines")


@pytest.mark.parametrize(
    ("before", "why"),
    [
        (an_answer_of_another_file, "answers another request 'elsewhere'"),
        (an_answer_to_another_question, "answers another request 'second': model, options or text differ"),
        (something_else, "out.jsonl:1: is no answer of the verb generate"),
        (lambda folder: (folder / "out.jsonl").mkdir(), "out.jsonl is a directory"),
    ],
)
def test_what_another_run_wrote_is_not_touched(
    run: Run, folder: Path, before: Callable[[Path], None], why: str
) -> None:
    before(folder)
    out = folder / "out.jsonl"
    content = None if out.is_dir() else out.read_bytes()
    with openai_peer() as peer:
        ask = ("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
        ended = run(*ask)
        assert peer.bodies == []
        assert ended.code == 2
        assert why in ended.err
        if content is not None:
            assert out.read_bytes() == content
            assert run(*ask, "--overwrite").code == 0
            assert len(answers(out)) == 3


def test_two_runs_do_not_write_one_file(run: Run, folder: Path) -> None:
    import fcntl

    with (folder / "out.jsonl").open("w") as held, openai_peer() as peer:
        fcntl.flock(held, fcntl.LOCK_EX)
        ended = run("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
    assert ended.code == 2
    assert "another run writes out.jsonl" in ended.err


def test_a_full_disk_ends_the_run_and_leaves_no_half_of_a_line(folder: Path) -> None:
    write(folder / "in.jsonl", *({"prompt": f"question {number}"} for number in range(40)))
    out = folder / "out.jsonl"
    with openai_peer() as peer:
        ask = ("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
        command = ["prlimit", "--fsize=2000", sys.executable, "-m", "llmwright", *ask]
        ended = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 1
    assert "out.jsonl cannot be written: File too large" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert 0 < len(answers(out)) < 40
    assert out.read_bytes().endswith(b"\n")


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_number_that_no_request_can_hold_is_named(run: Run, folder: Path, value: str) -> None:
    write(folder / "in.jsonl", LINES[0], f'{{"prompt": "a", "temperature": {value}}}')
    with openai_peer() as peer:
        ended = run("generate", peer.url, "-f", "in.jsonl", "-o", "out.jsonl")
    assert (ended.code, peer.bodies) == (2, [])
    assert "in.jsonl:2" in ended.err


def test_what_is_no_file_is_not_written(run: Run, folder: Path) -> None:
    ended = run("generate", "http://127.0.0.1:9", "-f", "in.jsonl", "-o", "/dev/full")
    assert ended.code == 2
    assert "/dev/full is no regular file" in ended.err


def test_a_format_is_no_file(run: Run, folder: Path) -> None:
    ended = run("generate", "http://127.0.0.1:9", "-f", "in.jsonl", "-o", "json")
    assert ended.code == 2
    assert "-o names the file of the answers here" in ended.err
    assert not (folder / "json").exists()


def test_nothing_to_ask_and_nobody_to_ask(run: Run, folder: Path) -> None:
    (folder / "empty").write_text("\n\n")
    assert "empty: holds no request" in run("generate", "-f", "empty", "-o", "out.jsonl").err
    assert "missing: no such file" in run("generate", "-f", "missing", "-o", "out.jsonl").err
    ended = run("generate", "-f", "in.jsonl", "-o", "out.jsonl")
    assert ended.code == 2
    assert "no Workspace answers here" in ended.err
    assert not (folder / "out.jsonl").exists()
