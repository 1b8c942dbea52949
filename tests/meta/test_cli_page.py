"""docs/cli.md has every verb with its help, its examples and its options."""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest
from tests.support.verb_page import commands, options, page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
MARKED = re.compile(r"(<!-- options -->\n).*(<!-- /options -->)", re.DOTALL)


def test_the_verbs_are_those_of_the_program() -> None:
    """Where they differ, ``python -m tests.meta.test_cli_page`` writes them again."""
    match = MARKED.search(PAGE.read_text(encoding="utf-8"))
    assert match is not None
    assert match[0] == f"{match[1]}{page()}{match[2]}"


@pytest.mark.parametrize(("verb", "command"), list(commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_every_option_says_what_it_does(verb: str, command: click.Command) -> None:
    silent = [option.opts[0] for option in options(command) if not option.help]
    assert silent == [], verb


if __name__ == "__main__":
    PAGE.write_text(MARKED.sub(lambda match: f"{match[1]}{page()}{match[2]}", PAGE.read_text(encoding="utf-8")))
