"""``llmwright chat`` with a model that thinks before it answers."""

from __future__ import annotations

import io

import pytest

from llmwright.cli.chat import Thoughts


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_person_sees_what_the_model_thinks_and_the_answer_begins_on_a_line_of_its_own() -> None:
    terminal = Terminal()
    thoughts = Thoughts(terminal)
    for piece in ("Who ", "am I?"):
        thoughts.show(piece)
    thoughts.end()
    thoughts.end()
    assert terminal.getvalue() == "\x1b[2mWho \x1b[0m\x1b[2mam I?\x1b[0m\n"


@pytest.mark.parametrize("pieces", [[], ["Who am I?"]])
def test_a_file_gets_none_of_it(pieces: list[str]) -> None:
    file = io.StringIO()
    thoughts = Thoughts(file)
    for piece in pieces:
        thoughts.show(piece)
    thoughts.end()
    assert file.getvalue() == ""
