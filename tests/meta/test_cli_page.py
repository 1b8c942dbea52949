"""docs/cli.md names every option of every verb."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from llmwright.cli.root import root

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"
MARKED = re.compile(r"(<!-- options -->\n).*(<!-- /options -->)", re.DOTALL)
GLOBAL = "(before the verb)"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every verb with its command, the global options first."""
    yield GLOBAL, root
    yield from _below(root, ())


def _below(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[str, click.Command]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield " ".join((*path, name)), command
        if isinstance(command, click.Group):
            yield from _below(command, (*path, name))


def options(command: click.Command) -> Iterator[click.Option]:
    return (each for each in command.params if isinstance(each, click.Option) and not each.hidden)


def spelling(option: click.Option) -> str:
    value = "" if option.is_flag or option.count else f" {option.make_metavar(click.Context(root))}"
    both = " / ".join(part for part in (", ".join(option.opts), ", ".join(option.secondary_opts)) if part)
    return f"`{both}{value}`".replace("|", "\\|")


def table() -> str:
    lines = ["| verb | option | |", "|---|---|---|"]
    for verb, command in commands():
        name = verb if verb == GLOBAL else f"`{verb}`"
        lines += [f"| {name} | {spelling(option)} | {option.help or ''} |" for option in options(command)]
    return "\n".join(lines) + "\n"


def test_the_table_of_options_is_the_parsers() -> None:
    """Where it differs, put what ``python -m tests.meta.test_cli_page`` prints between the marks."""
    match = MARKED.search(PAGE.read_text(encoding="utf-8"))
    assert match is not None
    assert match[0] == f"{match[1]}{table()}{match[2]}"


@pytest.mark.parametrize(("verb", "command"), list(commands()), ids=lambda each: each if isinstance(each, str) else "")
def test_every_option_says_what_it_does(verb: str, command: click.Command) -> None:
    silent = [option.opts[0] for option in options(command) if not option.help]
    assert silent == [], verb


if __name__ == "__main__":
    PAGE.write_text(MARKED.sub(lambda match: f"{match[1]}{table()}{match[2]}", PAGE.read_text(encoding="utf-8")))
