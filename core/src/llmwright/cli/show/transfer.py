"""The bar of a transfer: bytes, rate and time left; on a stream that is no terminal, a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmwright.cli.show.console import open_console, text_column

if TYPE_CHECKING:
    from rich.console import Console

LINE_EVERY = 0.1
"""The share of the bytes after which a stream that is no terminal gets another line."""


@contextmanager
def transfer_bar(what: str) -> Iterator[Callable[[int, int | None], None]]:
    """Yield the progress of the transfer ``what``: a function of the bytes so far and of all. It is shown on stderr."""
    console = open_console(stderr=True)
    with _bar(what, console) if console.is_terminal else _lines(what, console) as show:
        yield show


@contextmanager
def _bar(what: str, console: Console) -> Iterator[Callable[[int, int | None], None]]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn, TransferSpeedColumn

    columns = (text_column(what), BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bars:
        task = bars.add_task("", total=None)
        yield lambda done, total: bars.update(task, completed=done, total=total)


@contextmanager
def _lines(what: str, console: Console) -> Iterator[Callable[[int, int | None], None]]:
    from llmwright.cli.show.output import age, size

    began, printed, first = time.monotonic(), -1.0, 0

    def show(done: int, total: int | None) -> None:
        nonlocal printed, first
        share = done / total if total else 1.0
        if printed < 0:
            # Bytes that lay there already are no speed.
            first, printed = done, 0.0
        if share < printed + LINE_EVERY and not (share == 1 and printed < 1):
            return
        printed = share
        rate = (done - first) / max(time.monotonic() - began, 1e-3)
        left = f", {age((total - done) / rate)} left" if total and rate and done < total else ""
        console.print(f"{what}: {size(done)} of {size(total or done)}, {size(int(rate))}/s{left}", soft_wrap=True)

    yield show
