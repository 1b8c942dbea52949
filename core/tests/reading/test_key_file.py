"""The API key from a variable or a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.errors import ConfigError
from llmwright.reading.key_file import api_key


def test_the_variable_wins_over_the_file_and_line_breaks_are_no_part(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("of-a-file\n")
    assert api_key({"LLMWRIGHT_API_KEY_FILE": str(file)}) == "of-a-file"
    assert api_key({"LLMWRIGHT_API_KEY_FILE": str(file), "LLMWRIGHT_API_KEY": "own"}) == "own"
    assert api_key({"LLMWRIGHT_API_KEY_FILE": ""}) is None
    assert api_key({}) is None


@pytest.mark.parametrize(
    ("content", "said"),
    [(None, "is not there"), (b"", "is empty"), (b" \n", "is empty"), (b"secret" * 1000, "larger than")],
)
def test_a_file_that_holds_no_key_is_named(tmp_path: Path, content: bytes | None, said: str) -> None:
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=said) as refused:
        api_key({"LLMWRIGHT_API_KEY_FILE": str(file)})
    assert str(file) in refused.value.message
    assert "secret" not in refused.value.message


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is a directory"):
        api_key({"LLMWRIGHT_API_KEY_FILE": str(tmp_path)})
