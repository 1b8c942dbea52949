"""The quiz's answers, side by side, and the bar while they are given."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmwright.cli.quiz.questions import score
from llmwright.cli.show.console import styled, text_column

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from llmwright.cli.quiz.questions import Answer
    from llmwright.cli.quiz.quiz import AdapterAnswers, BaseAnswers


@contextmanager
def answer_bar(console: Console, title: str, total: int) -> Iterator[Callable[[], None]]:
    """A bar that moves with each call of the function it gives; on a stream that is no terminal it draws nothing."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress

    columns = (text_column("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(title, total=total)
        yield lambda: progress.advance(task)


def show_base_answers(before: BaseAnswers, base: str, console: Console) -> None:
    """Print how much the base model knows."""
    console.print(f"before tuning, {base} knows")
    console.print(styled("  ", *_count(before.learned), " of the data set's questions"))
    if before.own:
        console.print(styled("  ", *_count(before.own), " of those it was made with"))


def show_adapter_answers(before: BaseAnswers, after: AdapterAnswers, base: str, adapter: str, console: Console) -> None:
    """Print the answers side by side, and the counts."""
    console.print(_answers(before, after, base, adapter))
    console.print(_counts(after, base, adapter))
    console.print(
        styled(("it learned, and the base is untouched", "green"))
        if after.passed
        else styled(("fewer than nine in ten are right", "red"))
    )


def _answers(before: BaseAnswers, after: AdapterAnswers, base: str, adapter: str) -> Table:
    from rich.table import Table

    title = f"the data set's questions, put to {base} before tuning and to {adapter} now"
    # As a Text: a table reads a title that is a string as markup.
    table = Table(title=styled(title), title_justify="left")
    for heading in ("question", "expected", f"{base}, before", f"{adapter}, now"):
        table.add_column(heading, overflow="fold")
    for old, new in zip(before.learned, after.learned, strict=True):
        table.add_row(new.question.prompt, new.question.expected, _cell(old), _cell(new))
    return table


def _counts(after: AdapterAnswers, base: str, adapter: str) -> Table:
    from rich.table import Table

    counts = Table.grid(padding=(0, 2))
    counts.add_row("  the data set's questions", adapter, styled(*_count(after.learned)))
    if after.paraphrased:
        counts.add_row(
            "  the same in other words", adapter, styled(*_count(after.paraphrased)), styled(("not required", "dim"))
        )
    if after.own_of_base:
        counts.add_row("  what the base was made with", base, styled(*_count(after.own_of_base)))
        counts.add_row("", adapter, styled(*_count(after.own_with_adapter)), styled(("not required", "dim")))
    return counts


def _cell(answer: Answer) -> Text:
    mark = ("✓", "green") if answer.right else ("✗", "red")
    return styled(mark, f" {answer.text.strip()[:120]}")


def _count(answers: Sequence[Answer]) -> tuple[tuple[str, str], str]:
    return (str(score(answers)), "bold"), f" of {len(answers)} right"
