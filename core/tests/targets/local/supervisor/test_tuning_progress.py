"""A tuning's progress."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.targets.local.supervisor.tuning_progress import read_progress

FIRST = '{"event": "step", "step": 1, "steps": 9, "loss": 2.5, "unknown": true}\n'
SECOND = '{"event": "step", "step": 2, "steps": 9, "loss": 2.0}\n'


@pytest.mark.parametrize(
    ("text", "step"),
    [
        ("", None),
        ("not JSON\n[]\n", None),
        (FIRST, 1),
        (FIRST + SECOND, 2),
        (FIRST + SECOND[:-1], 1),
        (FIRST + '{"event": "saved"}\n', 1),
        ("x" * 20_000 + "\n" + FIRST, 1),
    ],
)
def test_the_last_whole_step_counts(tmp_path: Path, text: str, step: int | None) -> None:
    (tmp_path / "progress.jsonl").write_text(text)
    progress = read_progress(tmp_path)
    assert (progress and progress.step) == step


def test_what_an_earlier_run_wrote_is_no_progress(tmp_path: Path) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text(FIRST)
    written = file.stat().st_mtime
    assert read_progress(tmp_path, written + 60) is None
    assert read_progress(tmp_path, written - 60) == read_progress(tmp_path, written) == read_progress(tmp_path)


def test_without_a_file_there_is_no_progress(tmp_path: Path) -> None:
    assert read_progress(tmp_path) is None
