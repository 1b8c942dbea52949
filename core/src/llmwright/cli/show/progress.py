"""Following a Workspace until it answers or fails: one line per step, a live bar while it is tuned."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from llmwright.cli.show.console import styled, text_column
from llmwright.cli.show.output import tuning_figures
from llmwright.cli.show.transfer import DownloadBar
from llmwright.errors import TargetError
from llmwright.lifecycle.waiting import is_settled, raise_if_stalled

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as Bars

    from llmwright.api.status import Progress, WorkspaceStatus

STEPS = {
    "PreflightSucceeded": "preflight: data, access and output are in order",
    "ResourceReady": "the machine is ready: {nodes}",
    "JobStarted": "tuning has started",
    "WorkspaceSucceeded": "tuned; the adapter is safe in {output}",
    "InferenceReady": "answering at {endpoint}: {names}",
}
"""The line to print when a condition becomes True."""


def follow(
    statuses: Iterable[WorkspaceStatus], console: Console, printed: set[str], *, until: str | None = None
) -> WorkspaceStatus:
    """Print the steps as they are reached and return the last status.

    Args:
        statuses: as they come.
        printed: steps that were printed already; this adds those that it prints.
        until: the condition to stop at; None is where the Workspace answers, or needs nothing more.

    Raises:
        TargetError: it failed; the message is the root cause that the status names.
        ConfigError: it failed over what the user gave.
    """
    with _TuningBar(console) as bar, DownloadBar(console) as downloading:
        for status in statuses:
            downloading.show(status.download)
            if status.progress and "WorkspaceSucceeded" not in printed:
                bar.show(status.progress, finished=_holds(status, "WorkspaceSucceeded"))
            for line in _news(status, printed):
                console.print(styled(("✓", "green"), f" {line}"), soft_wrap=True)
            raise_if_stalled(status)
            if _holds(status, until) if until else is_settled(status):
                return status
    raise TargetError("the Workspace was deleted meanwhile", reason="Deleted")


def _news(status: WorkspaceStatus, printed: set[str]) -> Iterator[str]:
    facts = {
        "nodes": ", ".join(status.worker_nodes),
        "output": status.output,
        "endpoint": status.endpoint,
        "names": ", ".join(status.served_names),
    }
    for kind, text in STEPS.items():
        # A Workspace that only serves has succeeded too, and has no adapter to name.
        only_serves = kind == "WorkspaceSucceeded" and not status.output
        if _holds(status, kind) and kind not in printed and not only_serves:
            printed.add(kind)
            yield text.format_map(facts)


def _holds(status: WorkspaceStatus, kind: str) -> bool:
    condition = status.condition(kind)
    return condition is not None and condition.status == "True"


class _TuningBar:
    """Step, loss, tokens per second and time left; on a stream that is no terminal, a line now and then."""

    LINE_EVERY = 0.1

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bars: Bars | None = None
        self._printed = 0.0

    def __enter__(self) -> _TuningBar:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def show(self, progress: Progress, *, finished: bool) -> None:
        """Bring the bar to ``progress``; a ``finished`` one stays as it is and what follows stands below it."""
        if self._console.is_terminal:
            self._draw(progress)
        elif progress.step / max(progress.steps, 1) >= self._printed + self.LINE_EVERY:
            self._printed = progress.step / progress.steps
            self._console.print(f"  tuning: step {progress.step}/{progress.steps}, {tuning_figures(progress)}")
        if finished:
            self._end()

    def _end(self) -> None:
        if self._bars is not None:
            self._bars.stop()
            self._bars = None

    def _draw(self, progress: Progress) -> None:
        if self._bars is None:
            from rich.progress import BarColumn, MofNCompleteColumn
            from rich.progress import Progress as Bars

            columns = (text_column("  tuning"), BarColumn(), MofNCompleteColumn(), text_column("{task.description}"))
            self._bars = Bars(*columns, console=self._console)
            self._bars.add_task("", total=progress.steps)
            self._bars.start()
        task = self._bars.task_ids[0]
        self._bars.update(task, completed=progress.step, total=progress.steps, description=tuning_figures(progress))
