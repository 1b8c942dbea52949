"""Report progress: lines of JSON for programs, plain lines or a bar for people."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from llmwright.plugins.progress_server import ProgressServer, serve_progress

if TYPE_CHECKING:
    from rich.progress import Progress

STEP_SECONDS = 0.1
LOG_SECONDS = 1.0


class Sink(Protocol):
    """A destination of events."""

    def emit(self, event: Mapping[str, Any]) -> None:
        """Show or write ``event``."""

    def close(self) -> None:
        """Release files and terminals."""


class ProgressReporter:
    """Pass events to sinks; steps at most ten a second, and always the last one.

    An event has ``event`` (``loading``, ``checking``, ``training``, ``step``, ``evaluated``, ``saving``, ``resumed``,
    ``note``, ``done``, ``failed``) and ``time``, seconds since 1970. A ``step`` has ``step``, ``steps``, ``loss``,
    ``tokens_per_second``, ``seconds_left`` and ``epoch``.
    """

    def __init__(
        self, *sinks: Sink, clock: Callable[[], float] = time.time, server: ProgressServer | None = None
    ) -> None:
        self._sinks = sinks
        self.server = server
        """Tells the last step to whoever asks this process; None where nobody can."""
        self._clock = clock
        self._last_step = 0.0

    def emit(self, event: str, **fields: Any) -> None:
        """Pass ``event`` with ``fields`` and the time to all sinks."""
        stamped = {"event": event, **fields, "time": round(self._clock(), 3)}
        for sink in self._sinks:
            sink.emit(stamped)

    def step_due(self, *, last: bool = False) -> bool:
        """Return whether a step may be reported now. True counts as reporting it."""
        now = self._clock()
        due = last or now - self._last_step >= STEP_SECONDS
        self._last_step = now if due else self._last_step
        return due

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for sink in self._sinks:
            sink.close()


class JsonLines:
    """Append events to a file, each flushed at once, so that a reader sees it while the run goes on."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._stream = path.open("a", encoding="utf-8")

    def emit(self, event: Mapping[str, Any]) -> None:
        """Write one line."""
        self._stream.write(json.dumps(event) + "\n")
        self._stream.flush()

    def close(self) -> None:
        """Close the file."""
        self._stream.close()


class LogLines:
    """Write one plain line for each event to a stream, steps at most once a second."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._last = 0.0

    def emit(self, event: Mapping[str, Any]) -> None:
        """Write one line, or none for a step less than a second after the last."""
        is_step = event["event"] == "step"
        final = event.get("step") == event.get("steps")
        if is_step and not final and event["time"] - self._last < LOG_SECONDS:
            return
        self._last = event["time"] if is_step else self._last
        print(sentence(event), file=self._stream, flush=True)

    def close(self) -> None:
        """Do nothing: the stream is the caller's."""


class Bar:
    """Show a live bar on a terminal, and other events above it."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, TextColumn

        self._bar: Progress = Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[text]}"))
        self._task = self._bar.add_task("training", total=None, text="")
        self._started = False

    def emit(self, event: Mapping[str, Any]) -> None:
        """Move the bar, or print a line."""
        if event["event"] != "step":
            self._bar.console.print(sentence(event), markup=False, highlight=False)
            return
        if not self._started:
            self._bar.start()
            self._started = True
        self._bar.update(self._task, total=event["steps"], completed=event["step"], text=sentence(event))

    def close(self) -> None:
        """Stop the bar and leave it on the terminal."""
        self._bar.stop()


def sentence(event: Mapping[str, Any]) -> str:
    """Return ``event`` as one line for people."""
    if event["event"] == "step":
        left = time.strftime("%H:%M:%S", time.gmtime(event["seconds_left"]))
        speed = f"{event['tokens_per_second']:.0f} tokens/s"
        return f"step {event['step']}/{event['steps']}, loss {event['loss']:.4f}, {speed}, {left} left"
    rest = {key: value for key, value in event.items() if key not in ("event", "time", "message", "hint")}
    details = ", ".join(f"{key} {value}" for key, value in rest.items())
    return ": ".join(part for part in (event["event"], str(event.get("message", "")), details) if part)


def open_reporter(path: Path | None) -> ProgressReporter:
    """Return a reporter to standard output (a bar on a terminal, else lines) and, if given, to the file ``path``.

    Where the environment names a port, as in a pod, the last step is told there too.
    """
    shown: Sink = Bar() if sys.stdout.isatty() else LogLines(sys.stdout)
    if path is None:
        return ProgressReporter(shown)
    return ProgressReporter(shown, JsonLines(path), server=serve_progress(path))
