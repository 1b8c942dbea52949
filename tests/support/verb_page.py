"""The verbs of the command line as a page: help, examples and options, as the program itself prints them."""

from __future__ import annotations

import inspect
import re
from collections import Counter
from collections.abc import Iterator
from itertools import groupby

import click

from llmwright.cli.root import root

GLOBAL = "before the verb"
MANY = 8
"""An option that so many verbs have, with the same text, is told once."""
DEFAULT = re.compile(r"\s*\[([^\[\]]*)\]$")

Row = tuple[str, str]


def commands() -> Iterator[tuple[str, click.Command]]:
    """Yield every verb with its command, the global options first."""
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
    """Yield the options of ``command`` that its help shows."""
    return (each for each in command.params if isinstance(each, click.Option) and not each.hidden)


def page() -> str:
    """Return all verbs in Markdown: the options that many share, then a section for each."""
    everything = list(commands())
    counts = Counter(row(option) for _, command in everything for option in options(command))
    shared = [each for each, count in counts.items() if count >= MANY]
    sections = (_section(name, command, shared) for name, command in everything)
    return "\n".join([*_table(shared), "", *(line for section in sections for line in section)])


def row(option: click.Option) -> Row:
    """Return the two cells of the option's line: how it is written, and what it does, with its default."""
    value = "" if option.is_flag or option.count else f" {option.make_metavar(click.Context(root))}"
    both = " / ".join(part for part in (", ".join(option.opts), ", ".join(option.secondary_opts)) if part)
    record = option.get_help_record(click.Context(root))
    told = DEFAULT.sub(r" (\1)", record[1] if record else "").strip()
    return f"`{both}{value.replace(' RANGE', '')}`", told


def _section(name: str, command: click.Command, shared: list[Row]) -> Iterator[str]:
    """Yield the lines of one verb: heading, usage, help, examples, options."""
    yield from (f"### {name}", "")
    if name != GLOBAL:
        usage = " ".join(command.collect_usage_pieces(click.Context(command)))
        yield from (f"`llmwright {name} {usage}`", "")
        yield from (*inspect.cleandoc(command.help or "").replace("\b\n", "").splitlines(), "")
        yield from _epilog(command.epilog or "")
    rows = [row(option) for option in options(command)]
    own = [each for each in rows if each not in shared]
    if own:
        yield from (*_table(own), "")
    common = [
        f"`{spelling.strip('`').split()[0].rstrip(',')}`" for spelling, told in rows if (spelling, told) in shared
    ]
    if common:
        yield from (f"Also {', '.join(common)}.", "")


def _epilog(text: str) -> Iterator[str]:
    """Yield the examples as commands, and what else stands there as text."""
    lines = [line.rstrip() for line in inspect.cleandoc(text.replace("\b", "")).splitlines()]
    kept = [line for line in lines if line and line != "Examples:"]
    for indented, group in groupby(kept, key=lambda line: line.startswith("  ")):
        block = [line.strip() if indented else line for line in group]
        if indented:
            language = "bash" if block[0].startswith("llmwright") else "text"
            yield from (f"```{language}", *block, "```", "")
        else:
            yield from (*block, "")


def _table(rows: list[Row]) -> Iterator[str]:
    yield from ("| option | |", "|---|---|")
    yield from ("| " + " | ".join(cell.replace("|", "\\|") for cell in each) + " |" for each in rows)
