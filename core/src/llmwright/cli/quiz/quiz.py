"""What a model knew before tuning, what it knows with its adapter, and whether the base still knows its own."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llmwright.cli.quiz.questions import Answer, Question, ask, paraphrases, score

if TYPE_CHECKING:
    import httpx
    from rich.console import Console

REQUIRED_SHARE = 0.9


@dataclass(frozen=True, slots=True)
class Examination:
    """``learned`` are questions of the data set, ``own`` those that the preset brings for its base model."""

    learned: tuple[Question, ...]
    own: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Before:
    """The base model's answers before anything was tuned."""

    learned: tuple[Answer, ...]
    own: tuple[Answer, ...]


@dataclass(frozen=True, slots=True)
class After:
    """Answers of one server: with the adapter, and of the base beside it."""

    learned: tuple[Answer, ...]
    paraphrased: tuple[Answer, ...]
    own_of_base: tuple[Answer, ...]
    own_with_adapter: tuple[Answer, ...]

    @property
    def held(self) -> bool:
        """Whether the adapter knows what it was tuned on, and the base still what it knew: nine in ten of each."""
        return enough(self.learned) and enough(self.own_of_base)


def enough(answers: Sequence[Answer]) -> bool:
    """Whether at least nine answers in ten are right."""
    return score(answers) >= math.ceil(REQUIRED_SHARE * len(answers))


def examine_base(client: httpx.Client, base: str, examination: Examination, console: Console) -> Before:
    """Ask the base model all questions, with a progress bar."""
    total = len(examination.learned) + len(examination.own)
    with _bar(console, f"asking {base}", total) as answered:
        learned = ask(client, base, examination.learned, answered)
        own = ask(client, base, examination.own, answered)
    return Before(learned, own)


def examine_adapter(client: httpx.Client, base: str, adapter: str, examination: Examination, console: Console) -> After:
    """Ask the adapter and its base, which one server answers for, with a progress bar."""
    reworded = paraphrases(examination.learned)
    total = len(examination.learned) + len(reworded) + 2 * len(examination.own)
    with _bar(console, f"asking {adapter} and {base}", total) as answered:
        return After(
            learned=ask(client, adapter, examination.learned, answered),
            paraphrased=ask(client, adapter, reworded, answered),
            own_of_base=ask(client, base, examination.own, answered),
            own_with_adapter=ask(client, adapter, examination.own, answered),
        )


class _Bar:
    """A progress bar that counts answers; on a stream that is no terminal it draws nothing."""

    def __init__(self, console: Console, title: str, total: int) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        self._progress = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
        self._task = self._progress.add_task(title, total=total)

    def __enter__(self) -> _Bar:
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def __call__(self) -> None:
        self._progress.advance(self._task)


def _bar(console: Console, title: str, total: int) -> _Bar:
    return _Bar(console, title, total)


def show_before(before: Before, base: str, console: Console) -> None:
    """Print how much the base model knows."""
    console.print(f"before tuning, {base} knows")
    console.print(f"  {_count(before.learned)} of the data set's questions")
    if before.own:
        console.print(f"  {_count(before.own)} of those it was made with")


def show_after(before: Before | None, after: After, base: str, adapter: str, console: Console) -> None:
    """Print the answers side by side, and the counts."""
    from rich.table import Table

    table = Table(
        title=f"the data set's questions, put to {base} before tuning and to {adapter} now", title_justify="left"
    )
    for heading in ("question", "expected", f"{base}, before", f"{adapter}, now"):
        table.add_column(heading, overflow="fold")
    earlier: Sequence[Answer | None] = before.learned if before else [None] * len(after.learned)
    for old, new in zip(earlier, after.learned, strict=True):
        table.add_row(new.question.prompt, new.question.expected, _cell(old), _cell(new))
    console.print(table)
    counts = Table.grid(padding=(0, 2))
    counts.add_row("  the data set's questions", adapter, _count(after.learned))
    if after.paraphrased:
        counts.add_row("  the same in other words", adapter, _count(after.paraphrased), "[dim]not required[/dim]")
    if after.own_of_base:
        counts.add_row("  what the base was made with", base, _count(after.own_of_base))
        counts.add_row("", adapter, _count(after.own_with_adapter), "[dim]not required[/dim]")
    console.print(counts)
    console.print(
        "[green]it learned, and the base is untouched[/green]"
        if after.held
        else "[red]fewer than nine in ten are right[/red]"
    )


def _cell(answer: Answer | None) -> str:
    from rich.markup import escape

    if answer is None:
        return "[dim]not asked[/dim]"
    mark = "[green]✓[/green]" if answer.right else "[red]✗[/red]"
    return f"{mark} {escape(answer.text.strip()[:120])}"


def _count(answers: Sequence[Answer]) -> str:
    return f"[bold]{score(answers)}[/bold] of {len(answers)} right"
