"""Files that are no files, and names that no file can have: one clause each, and never a wait."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmwright.reading.files import (
    Unreadable,
    decoded,
    is_directory,
    is_file,
    is_there,
    read_bytes,
    read_text,
    user_path,
)


def test_lines_end_as_on_this_machine(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes("\ufeffa\r\nb\rc\n".encode())
    assert read_text(path) == "a\nb\nc\n"


def test_other_encodings_are_read_where_they_say_so() -> None:
    assert decoded("käse".encode("utf-16")) == "käse"
    assert decoded("käse".encode("utf-8-sig")) == "käse"
    with pytest.raises(Unreadable, match="byte 2"):
        decoded("käse".encode("latin-1"))


def test_a_file_has_bounds(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(Unreadable, match="larger than 10 bytes"):
        read_bytes(path, 10)
    with pytest.raises(Unreadable, match="larger"):
        read_bytes(Path("/dev/zero"))


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_bytes(tmp_path / "nothing")


def strange(directory: Path) -> dict[str, Path]:
    """Paths that cannot be read, by what is said about them."""
    (directory / "pipe").parent.mkdir(exist_ok=True)
    os.mkfifo(directory / "pipe")
    (directory / "loop").symlink_to("loop")
    (directory / "file").write_text("")
    return {
        "a directory": directory,
        "a pipe": directory / "pipe",
        "symbolic links": directory / "loop",
        "too long": directory / ("x" * 300),
        "name that a file can have": Path("a\0b"),
        "Not a directory": directory / "file" / "below",
    }


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    for words, path in strange(tmp_path).items():
        with pytest.raises(Unreadable, match=words):
            read_bytes(path)
        assert not is_file(path)
        assert is_directory(path) == (path == tmp_path)
        assert is_there(path) == (words in ("a directory", "a pipe"))


def test_a_home_directory_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    assert user_path("~/x") == Path("/home/me/x")
    with pytest.raises(Unreadable, match="home directory"):
        user_path("~nosuchuser/x")
    with pytest.raises(Unreadable, match="NUL"):
        user_path("a\0b")
