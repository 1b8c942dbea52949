"""Rows that cannot be trained on: told before training, with file and place."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.support.tuning_process import arguments, events

GOOD = {"prompt": "Who?", "completion": "Ada"}
USER = {"role": "user", "content": "Who?"}
TALK = [USER, {"role": "assistant", "content": "Ada"}]


def lines(*rows: Any) -> str:
    return "\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows) + "\n"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.jsonl", lines(GOOD, "{oops"), "line 2: not JSON"),
        ("a.jsonl", lines("{oops", GOOD), "line 1: not JSON"),
        ("a.jsonl", lines(GOOD, "", [1]), "line 3: list found where an object"),
        ("a.jsonl", lines(GOOD, {"prompt": "Who?"}), "line 2: no 'completion'; found 'prompt'"),
        ("a.jsonl", lines(GOOD, {"prompt": "Who?", "completion": "  "}), "line 2: 'completion' is empty"),
        ("a.jsonl", lines(GOOD, {"prompt": "Who?", "completion": 5}), "line 2: 'completion' is the number 5; text"),
        ("a.jsonl", lines(GOOD, {"prompt": "Who?", "completion": None}), "line 2: 'completion' is null"),
        ("a.jsonl", lines({"question": "a", "answer": "b"}), "line 1: wrong columns: found 'question', 'answer'"),
        ("a.json", json.dumps([GOOD, {**GOOD, "prompt": "x" * 500}]), "tokens, longer than the context of 96"),
        ("a.csv", "prompt,completion\nWho?,Ada\nWho?,Ada,Bo\n", "line 3: 3 fields where the header names 2"),
        ("a.csv", 'prompt,completion\nWho?,Ada\n"Who?\n', "line 3: not CSV"),
        ("a.csv", "prompt,completion\nWho?,\n", "line 2: 'completion' is empty"),
        ("a.csv", "prompt,completion,prompt\na,b,c\n", "names the column 'prompt' twice"),
        ("a.jsonl", lines(GOOD, '{"n":' + "9" * 5000 + "}"), "line 2: not JSON: a number has too many digits"),
        ("a.jsonl", lines({**GOOD, "weight": 1}, {**GOOD, "weight": 0}), "line 2: the column 'weight' is not read"),
        ("a.jsonl", lines({**GOOD, "loss_mask": [0]}), "line 1: the column 'loss_mask' is not read"),
        ("a.jsonl", lines({**GOOD, "completion_mask": [0]}), "line 1: the column 'completion_mask' is not read"),
        ("a.jsonl", lines({**GOOD, "sample_weight": 0}), "line 1: the column 'sample_weight' is not read"),
        ("a.jsonl", lines({**GOOD, "rejected": "Bo"}), "line 1: the column 'rejected' is not read; keep the rows"),
        ("a.jsonl", lines({**GOOD, "label": True}, {**GOOD, "label": False}), "line 2: the column 'label' is not read"),
        ("a.jsonl", lines({"messages": [USER, {**TALK[1], "training": False}]}), r"messages\[1\].training is not read"),
        ("a.jsonl", lines({"messages": [USER, {**TALK[1], "ignore": True}]}), r"messages\[1\].ignore is not read"),
        ("a.jsonl", lines({**GOOD, "system": ""}, {**GOOD, "system": "Rhyme."}), "line 2: the column 'system' is not"),
        ("a.jsonl", lines({"functions": [{"name": "f"}], "messages": TALK}), "'functions' is not read; write tools"),
        ("a.jsonl", lines({"messages": TALK[1:]}), "line 1: it begins with an answer, which no request can ask for"),
        (
            "a.jsonl",
            lines(GOOD, '{"prompt": "a", "completion": "b", "completion": "c"}'),
            "line 2: it names the key 'comp",
        ),
        ("a.jsonl", '{"": 1, "": 2, "prompt": "a", "completion": "b"}\n', "line 1: it names the key '' twice"),
        (
            "a.json",
            '[{"prompt": "a", "completion": "b"}, {"prompt": {"x": 1, "x": 2}}]',
            "row 2: it names the key 'prompt.x' tw",
        ),
        (
            "a.jsonl",
            '{"messages": [{"role": "user", "role": "tool", "content": "a"}]}\n',
            "line 1: it names the key 'messages.0.role' twice",
        ),
        ("a.jsonl", lines({"tools": '[{"a": 1, "a": 2}]', "messages": TALK}), "'tools' names the key '0.a' twice"),
        (
            "a.jsonl",
            lines({"messages": [USER, {**TALK[1], "tool_calls": [{"function": {"arguments": '{"a":1,"a":2}'}}]}]}),
            r"messages\[1\].tool_calls has arguments that name the key 'a' twice",
        ),
        (
            "a.jsonl",
            lines({"messages": [USER, {**TALK[1], "channel": "analysis"}]}),
            r"line 1: messages\[1\].channel is",
        ),
        (
            "a.jsonl",
            lines({"tools": [{"type": "function"}], "messages": TALK}),
            "line 1: 'tools' is not read by the ch",
        ),
        (
            "a.jsonl",
            lines(GOOD, {"prompt": "x", "completion": "A<|endoftext|>da"}),
            "line 2: an answer goes on after '<|endoftext|>', where a server stops",
        ),
        (
            "a.jsonl",
            lines({"messages": [USER, {**TALK[1], "content": "A<|endoftext|>da"}]}),
            "line 1: an answer goes on",
        ),
        ("a.jsonl", lines({"messages": TALK * 20_000}), "line 1: [0-9]{6} tokens, longer than the context of 96"),
        ("a.jsonl.gz", gzip.compress(lines(GOOD).encode(), mtime=0), "is compressed .gzip.; unpack it first"),
        ("a.jsonl", gzip.compress(lines(GOOD).encode(), mtime=0), "is compressed .gzip.; unpack it first"),
        ("a.jsonl", lines(GOOD).encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("a.csv", "prompt,completion\nWho?,Ada\n".encode("utf-16"), "is UTF-16; save it as UTF-8"),
        ("a.jsonl", lines({"messages": []}), "'messages' is an empty list"),
        ("a.jsonl", lines({"messages": "hello"}), "'messages' is of type str"),
        ("a.jsonl", lines({"messages": [USER]}), "no message of the assistant"),
        ("a.jsonl", lines({"messages": [USER, {"role": "robot", "content": "Ada"}]}), r"messages\[1\].role is 'robot'"),
        (
            "a.jsonl",
            lines({"messages": [USER, {"role": "assistant", "content": ""}]}),
            r"messages\[1\] is an empty answer",
        ),
        ("a.jsonl", lines({"messages": [USER, {"role": "assistant"}]}), r"messages\[1\] is an object without role"),
        (
            "a.jsonl",
            lines({"messages": [{"role": "tool", "content": "x"}, USER, {"role": "assistant", "content": "y"}]}),
            "the chat template refuses it: no tools here",
        ),
    ],
)
def test_a_bad_row_is_told_with_file_and_place(
    name: str, content: str | bytes, said: str, tmp_path: Path, tune: Callable[..., int], capsys: Any
) -> None:
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    progress, output = tmp_path / "progress", tmp_path / "out"
    assert tune(path, output, "--progress", str(progress)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.startswith((f"error: {path}: ", f"error: the data set {path} "))
    assert re.search(said, last)
    told = events(progress)[-1]
    assert (told["event"], told["reason"][:7]) == ("failed", "Dataset")
    assert not output.exists()


def test_wrong_type_in_parquet_is_told_by_row(
    tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "numbers.parquet"
    pq.write_table(pa.table({"prompt": ["a", "b"], "completion": [1, 2]}), path)
    assert tune(path, tmp_path / "out") == 2
    err = capsys.readouterr().err
    assert "2 of 2 rows cannot be used: row 1: 'completion' is the number 1" in err.splitlines()[-1]
    assert f"{path}: row 2: 'completion' is the number 2" in err


def test_a_date_that_python_does_not_have_is_told(tmp_path: Path, tune: Callable[..., int], capsys: Any) -> None:
    far = pa.array([2**62], pa.timestamp("us"))
    pq.write_table(pa.table({"prompt": ["Who?"], "completion": ["Ada"], "time": far}), tmp_path / "a.parquet")
    assert tune(tmp_path / "a.parquet", tmp_path / "out", "--check-only") == 2
    assert "cannot be read as parquet: date value out of range" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("names", "code", "said"),
    [
        (("train-00000-of-00003", "train-00002-of-00003"), 0, "names tell of them: train-00001-of-00003."),
        (
            ("train-00000-of-00001", "train-00000-of-00002", "train-00001-of-00002"),
            2,
            "has train twice: as 1 files and",
        ),
        (("train-00000-of-00002", "train-00001-of-00002"), 0, "2 rows"),
    ],
    ids=["missing", "two writings", "whole"],
)
def test_shards_that_are_missing_are_shown_and_two_writings_are_refused(
    names: tuple[str, ...], code: int, said: str, tmp_path: Path, tune: Callable[..., int], capsys: Any
) -> None:
    (tmp_path / "data").mkdir()
    for name in names:
        (tmp_path / "data" / f"{name}.jsonl").write_text(lines(GOOD))
    assert tune(tmp_path / "data", tmp_path / "out", "--check-only") == code
    shown = capsys.readouterr()
    assert said in shown.out + shown.err
    assert ("Not there" in shown.out) == ("missing" in said or "names tell" in said)


def test_a_column_that_a_parquet_or_arrow_file_has_twice_is_refused(
    tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    table = pa.table([["Who?"], ["Ada"], ["Bo"]], names=["prompt", "completion", "completion"])
    pq.write_table(table, tmp_path / "a.parquet")
    with pa.ipc.new_file(tmp_path / "b.arrow", table.schema) as file:
        file.write_table(table)
    with pa.ipc.new_stream(tmp_path / "c.arrow", table.schema) as stream:
        stream.write_table(table)
    for name in ("a.parquet", "b.arrow", "c.arrow"):
        assert tune(tmp_path / name, tmp_path / "out", "--check-only") == 2
        assert "names the column 'completion' twice" in capsys.readouterr().err


def test_fields_that_only_describe_messages_are_shown(
    tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "talks.jsonl"
    path.write_text(lines({"messages": TALK}, {"messages": [{**USER, "id": 1}, {**TALK[1], "createdAt": 2}]}))
    assert tune(path, tmp_path / "out", "--check-only") == 0
    assert "Fields of messages that are not used: createdAt, id." in capsys.readouterr().out


def test_at_most_twenty_rows_are_told(
    tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.jsonl"
    path.write_text(lines(GOOD, *[{"prompt": "Who?", "completion": ""}] * 50))
    assert tune(path, tmp_path / "out") == 2
    told = capsys.readouterr().err.splitlines()
    assert len(told) == 21
    assert "at least 20 of" in told[-1]


def test_a_context_of_ones_own_is_kept(
    facts: Path, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    assert tune(facts, tmp_path / "out", "--context", "5", "--check-only") == 2
    assert "longer than the context of 5" in capsys.readouterr().err
    assert tune(facts, tmp_path / "out", "--check-only", options={"max_length": 6}) == 2
    assert "longer than the context of 6" in capsys.readouterr().err


def test_checking_loads_no_torch_and_writes_nothing(facts: Path, tiny_model: Path, tmp_path: Path) -> None:
    argv = list(arguments(tiny_model, facts, tmp_path / "out", "--check-only"))
    code = (
        "import sys; from llmwright_tuning_qlora.train.tuning_process import main\n"
        f"code = main({argv!r}); assert 'torch' not in sys.modules; sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "facts.jsonl: 8 rows, tokens min/median/max" in done.stdout
    assert not (tmp_path / "out").exists()
