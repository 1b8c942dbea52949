"""The only door to rich: a console that takes every text as it is.

What a user wrote (``instanceType: "[/x]"``, a row of a data set) is never read as markup, and our own styles are
``styled`` parts instead of tags.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn
    from rich.text import Text


def open_console(*, stderr: bool = False) -> Console:
    """Return a console on stdout, or on stderr, without markup, emoji names and highlighting."""
    from rich.console import Console

    return Console(highlight=False, markup=False, emoji=False, stderr=stderr)


def styled(*parts: str | tuple[str, str]) -> Text:
    """Return a text of ``parts``; a pair is a text and its style (``bold``, ``dim``, ``green``)."""
    from rich.text import Text

    return Text.assemble(*parts)


def text_column(template: str) -> ProgressColumn:
    """Return a column of a progress bar that shows a task's fields as they are."""
    from rich.progress import TextColumn

    return TextColumn(template, markup=False)


class LiveBars:
    """Bars on a console while this is used in ``with``; on a stream that is no terminal none is drawn."""

    def __init__(self, console: Console, *columns: ProgressColumn) -> None:
        from rich.progress import Progress

        self.console = console
        self.bars = Progress(
            *columns, console=console, transient=True, disable=not console.is_terminal, refresh_per_second=4
        )

    def __enter__(self) -> Self:
        self.bars.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bars.stop()
