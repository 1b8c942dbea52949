"""Each command between backticks in a message of ours is one that can be run as it is printed."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from llmwright.cli.root import behind_the_verb, root

ROOT = Path(__file__).parents[2]
PROPOSED = re.compile(r"(?<!`)`llmwright ([^`]+)`(?!`)")
VALUE = "x"
"""Stands for what a message fills in."""


def sources() -> Iterator[Path]:
    for folder in ("core/src", "plugins", "presets/src"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT).parts
            if "tests" not in parts and "templates" not in parts and not any(each.startswith(".") for each in parts):
                yield path


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield line and text of each literal that is no docstring."""
    skipped = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    skipped |= {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
        elif isinstance(node, ast.JoinedStr):
            yield (
                node.lineno,
                "".join(str(part.value) if isinstance(part, ast.Constant) else VALUE for part in node.values),
            )


def proposed() -> Iterator[tuple[str, str]]:
    for path in sources():
        for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
            for found in PROPOSED.finditer(text):
                yield f"{path.relative_to(ROOT)}:{line}", found[1]


def lacking(words: list[str]) -> str:
    """Return what a command line lacks or has too much; empty where click takes it."""
    command: click.Command = root
    context = click.Context(root, info_name="llmwright")
    words = behind_the_verb(words)
    while isinstance(command, click.Group):
        if not words:
            return f"{command.name} wants a command"
        if command.name == "rollout" and words[0] not in command.commands:
            words = ["update", *words]
        found = command.get_command(context, words[0])
        if found is None:
            return f"{command.name} has no command {words[0]!r}"
        command, words = found, words[1:]
        context = click.Context(command, parent=context, info_name=command.name)
    try:
        given, left, _ = command.make_parser(context).parse_args(words)
    except click.UsageError as error:
        return error.format_message()
    absent = [each.name for each in command.params if each.required and _is_missing(each, given.get(each.name or ""))]
    return f"{command.name} wants {', '.join(map(str, absent))}" if absent else f"too much: {left}" if left else ""


def _is_missing(parameter: click.Parameter, value: object) -> bool:
    return value is None or parameter.value_is_missing(value)


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("get -A --target local", False),
        ("rollout mine -n models", False),
        ("gett", True),
        ("get --targt local", True),
        ("rollout", True),
        ("rollout history", True),
        ("chat mine who too much", False),
    ],
)
def test_what_click_takes(line: str, wrong: bool) -> None:
    assert bool(lacking(shlex.split(line))) == wrong, lacking(shlex.split(line))


def test_commands_in_messages_are_whole() -> None:
    found = list(proposed())
    assert len(found) >= 20, "the search finds the messages"
    wrong = [f"{where}: `llmwright {line}`: {why}" for where, line in found if (why := lacking(shlex.split(line)))]
    assert not wrong, "\n".join(wrong)
