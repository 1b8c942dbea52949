"""The bar of a run over a file of requests."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from llmwright.cli.show.console import LiveBars, text_column
from llmwright.cli.show.output import note

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID

    from llmwright.app.generation.generation import Progress

LINE_S = 10.0
"""Between two lines on a stream that is no terminal."""


class GenerationBar(LiveBars):
    """A bar; on a stream that is no terminal, a line every ten seconds."""

    def __init__(self, console: Console) -> None:
        from rich.progress import BarColumn, TimeRemainingColumn

        super().__init__(console, text_column("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._task: TaskID | None = None
        self._printed_at = time.monotonic()

    def show(self, progress: Progress) -> None:
        """Bring the bar to ``progress``."""
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        written = progress.answered + progress.failed
        text = f"{written:,} of {progress.requests:,}{failed}"
        if not self.console.is_terminal:
            if time.monotonic() - self._printed_at >= LINE_S:
                self._printed_at = time.monotonic()
                note(text)
            return
        if self._task is None:
            self._task = self.bars.add_task(text, total=progress.requests)
        self.bars.update(self._task, completed=written, description=text)
