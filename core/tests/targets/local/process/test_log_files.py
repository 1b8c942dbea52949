"""Log files: which there are, what the error in one is, and following them."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.targets.local.process.log_files import error_text, follow, last_lines_contain, log_file, log_files


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", ""),
        ("loading\nout of luck\n", "out of luck"),
        ("error: old\nloading\nerror: row 7\n  hint: rename it\n", "row 7 hint: rename it"),
        ("50 %\r100 %\r\n", "100 %"),
        ("\x1b[31mError: red\x1b[0m\n", "red"),
        ("Traceback\n  File x\nmy.OwnError: no room\n  warnings.warn('there appear to be')\n", "my.OwnError: no room"),
        (
            "ValueError: no room\n  File x\nValueError: no room\nRuntimeError: the child died\n",
            "ValueError: no room; RuntimeError: the child died",
        ),
        (
            "p.ValidationError: 1 validation error for Config\n  Value error, 1 is below 4\n    see https://e.dev\nbye\n",
            "p.ValidationError: 1 validation error for Config Value error, 1 is below 4 see https://e.dev",
        ),
    ],
)
def test_the_error_is_the_last_that_a_process_wrote(tmp_path: Path, text: str, error: str) -> None:
    path = tmp_path / "log"
    path.write_text(f"error: of an earlier start\n{text}")
    assert error_text(path, len("error: of an earlier start\n")) == error


def test_text_is_sought_after_the_start_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("Address already in use\nserving\n")
    assert last_lines_contain(path, 0, "already in use")
    assert not last_lines_contain(path, 23, "already in use")


def test_files_are_in_the_order_of_the_lifecycle(tmp_path: Path) -> None:
    names = ["serving.serve.log", "tuning.fetch.log", "preflight.fetch.log", "supervisor.log"]
    for name in names:
        (tmp_path / name).touch()
    assert [path.name for path in log_files(tmp_path)] == [names[2], names[1], names[0]]
    assert [path.name for path in log_files(tmp_path, "fetch")] == [names[2], names[1]]
    assert [path.name for path in log_files(tmp_path, "tuning")] == [names[1]]
    assert [path.name for path in log_files(tmp_path, "supervisor")] == [names[3]]


def test_following_waits_for_the_end_of_a_line_and_sees_new_files(tmp_path: Path) -> None:
    first, second = log_file(tmp_path, "tuning", "tune"), log_file(tmp_path, "tuning", "deliver")
    first.write_text("step 1\nste")
    moments = iter([True, False])

    def going_on() -> bool:
        going = next(moments)
        if not going:
            with first.open("a") as file:
                file.write("p 2\n")
            second.write_text("delivered")
        return going

    lines = list(follow(lambda: log_files(tmp_path), going_on, step_s=0.0))
    assert lines == ["step 1", "step 2", "delivered"]


def test_a_file_that_goes_while_it_is_listed_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = log_file(tmp_path, "serving", "serve")
    path.touch()
    looks = Path.is_file

    def remove(self: Path) -> bool:
        there = looks(self)
        self.unlink()
        return there

    monkeypatch.setattr(Path, "is_file", remove)
    assert log_files(tmp_path) == [path]
    monkeypatch.undo()
    assert list(follow(lambda: [path], lambda: False)) == []
