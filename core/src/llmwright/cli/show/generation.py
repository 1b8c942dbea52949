"""The bar of a run over a file of requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llmwright.cli.show.console import text_column
from llmwright.cli.show.output import note

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    from llmwright.app.generation.generation import Progress

LINE_S = 10.0
"""Between two lines on a stream that is no terminal."""


class GenerationBar:
    """A bar; on a stream that is no terminal, a line every ten seconds."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, TimeRemainingColumn
        from rich.progress import Progress as Bars

        self._console = console
        columns = (text_column("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bars: Bars = Bars(
            *columns, console=console, transient=True, disable=not console.is_terminal, refresh_per_second=4
        )
        self._task: TaskID | None = None
        self._printed_at = time.monotonic()

    def __enter__(self) -> GenerationBar:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bars.stop()

    def show(self, progress: Progress) -> None:
        """Bring the bar to ``progress``."""
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        written = progress.answered + progress.failed
        text = f"{written:,} of {progress.requests:,}{failed}"
        if not self._console.is_terminal:
            if time.monotonic() - self._printed_at >= LINE_S:
                self._printed_at = time.monotonic()
                note(text)
            return
        if self._task is None:
            self._task = self._bars.add_task(text, total=progress.requests)
        self._bars.update(self._task, completed=written, description=text)
