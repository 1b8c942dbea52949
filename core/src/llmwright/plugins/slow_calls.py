"""Notes about plugins that take long: one line once a call has taken some seconds, while it still does."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SLOW_S = 2.0
LOOK_EVERY_S = 0.25
AGAIN_S = 600.0
"""How long the same is not told again of a thread beside the main one: a slow cloud is asked all the time."""


@dataclass(slots=True, eq=False)
class _Running:
    what: str
    since: float
    noted: bool = False
    repeats: bool = False


def _tell(text: str) -> None:
    print("llmwright: note:", text, file=sys.stderr)


class SlowCalls:
    """The calls that are under way. One thread looks at all of them, from the first call on."""

    def __init__(self) -> None:
        self._running: dict[int, _Running] = {}
        self._told: dict[str, float] = {}
        self._begun = threading.Event()
        self._watcher: threading.Thread | None = None
        self._lock = threading.Lock()

    @contextmanager
    def watched(self, what: str) -> Iterator[None]:
        """Note ``what`` in one line of stderr where the block takes longer than ``SLOW_S``."""
        repeats = threading.current_thread() is not threading.main_thread()
        running = _Running(what, time.monotonic(), repeats=repeats)
        self._running[id(running)] = running
        if self._watcher is None:
            self._start()
        self._begun.set()
        try:
            yield
        finally:
            self._running.pop(id(running), None)

    def _start(self) -> None:
        with self._lock:
            if self._watcher is None:
                self._watcher = threading.Thread(target=self._watch, name="slow plugins", daemon=True)
                self._watcher.start()

    def _watch(self) -> None:
        while True:
            self._begun.wait()
            # Before the look: a call that begins during it sets the event again, and is not missed.
            self._begun.clear()
            while running := [*self._running.values()]:
                now = time.monotonic()
                for call in running:
                    if not call.noted and now - call.since >= SLOW_S:
                        call.noted = True
                        self._note(call, now)
                time.sleep(LOOK_EVERY_S)

    def _note(self, call: _Running, now: float) -> None:
        if call.repeats and now - self._told.get(call.what, -AGAIN_S) < AGAIN_S:
            return
        self._told[call.what] = now
        _tell(f"{call.what} has taken {now - call.since:.0f} s so far")


SLOW_CALLS = SlowCalls()
"""Those of this process."""
