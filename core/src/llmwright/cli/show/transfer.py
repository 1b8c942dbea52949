"""The bars of transfers: bytes, rate and time left; on a stream that is no terminal, a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from llmwright.artifacts.transfer_rate import TransferRate
from llmwright.cli.show.console import open_console, text_column

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from llmwright.api.status import Download

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
    rate, lines = TransferRate(time.monotonic), _Lines(what, console)

    def show(done: int, total: int | None) -> None:
        speed = rate.note(done)
        lines.show(done, total, speed, (total - done) / speed if total and speed else None)

    yield show


class _Lines:
    """One line for each tenth of the bytes."""

    def __init__(self, what: str, console: Console) -> None:
        self._what = what
        self._console = console
        self._printed = 0.0

    def show(self, done: int, total: int | None, rate: float | None, seconds_left: float | None) -> None:
        share = done / total if total else 1.0
        if share < self._printed + LINE_EVERY and not (share == 1 and self._printed < 1):
            return
        self._printed = share
        text = _figures(done, total, rate, seconds_left)
        self._console.print(f"{self._what}: {text}", soft_wrap=True)


class DownloadBar:
    """The bar of the weights that the status shows; it goes when they are there."""

    WHAT = "  downloading the weights"

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._lines = _Lines(self.WHAT, console)

    def __enter__(self) -> DownloadBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def show(self, download: Download | None) -> None:
        """Bring the bar to ``download``; None where nothing is being downloaded."""
        if download is None:
            self._end()
        elif self._console.is_terminal:
            self._draw(download)
        else:
            rate, left = download.bytes_per_second, download.seconds_left
            self._lines.show(download.bytes, download.total_bytes, rate, left)

    def _end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _draw(self, download: Download) -> None:
        if self._bars is None:
            from rich.progress import BarColumn
            from rich.progress import Progress as Bars

            self._bars = Bars(
                text_column(self.WHAT), BarColumn(), text_column("{task.description}"), console=self._console
            )
            self._bars.add_task("", total=download.total_bytes)
            self._bars.start()
        rate, left = download.bytes_per_second, download.seconds_left
        text = _figures(download.bytes, download.total_bytes, rate, left)
        task = self._bars.task_ids[0]
        self._bars.update(task, completed=download.bytes, total=download.total_bytes, description=text)


def _figures(done: int, total: int | None, rate: float | None, seconds_left: float | None) -> str:
    from llmwright.cli.show.output import age, size

    unfinished = total is not None and done < total
    parts = (
        f"{size(done)} of {size(total or done)}",
        f"{size(int(rate))}/s" if rate else "",
        f"{age(seconds_left)} left" if seconds_left is not None and unfinished else "",
    )
    return ", ".join(part for part in parts if part)
