"""One input and its verdict; and the smallest input with the same verdict."""

from __future__ import annotations

import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from tests.fuzz.mutation import mutant

from llmwright.errors import LLMwrightError

MOST_CPU_S = 10.0
"""CPU seconds after which an input is a failure: two are promised, and a busy machine may take five times as long."""
TOO_SLOW = f"takes more than {MOST_CPU_S:.0f} s of CPU time"
LONGEST_MESSAGE = 60_000
MOST_TRIES = 400

Run = Callable[[str], object]
Kind = tuple[tuple[str, ...], Run]
"""Real documents, and the code that reads one to the end."""


class Hanging(BaseException):
    """An input used up its CPU seconds."""


@dataclass
class Slowest:
    """The input that took the most CPU time so far, in seconds."""

    seconds: float = 0.0
    seed: int = -1

    def note(self, seconds: float, seed: int) -> None:
        """Keep it where it is slower than all before."""
        if seconds > self.seconds:
            self.seconds, self.seed = seconds, seed


@dataclass(frozen=True)
class Failure:
    """An input for which something else than an error of ours came out."""

    kind: str
    seed: int
    text: str
    verdict: str

    def __str__(self) -> str:
        return f"{self.kind}, seed {self.seed}: {self.verdict}\n  input: {self.text[:2000]!r}"


def verdict(run: Run, text: str) -> str:
    """Return the fault of ``run`` on ``text``, empty for none: success, or an error of ours that says something."""
    try:
        with _guarded():
            run(text)
    except LLMwrightError as error:
        if not error.message.strip():
            return f"{type(error).__name__} says nothing"
        return "a message without end" if len(error.message) > LONGEST_MESSAGE else ""
    except Hanging:
        return TOO_SLOW
    except Exception as error:
        place = traceback.extract_tb(error.__traceback__)[-1]
        own = [frame for frame in traceback.extract_tb(error.__traceback__) if "llmwright" in frame.filename]
        place = own[-1] if own else place
        return f"{type(error).__name__} at {place.filename.rpartition('/src/')[2]}:{place.lineno}: {str(error)[:200]}"
    return ""


def failures(
    kind: str, corpus: tuple[str, ...], run: Run, seeds: range, slowest: Slowest | None = None
) -> Iterator[Failure]:
    """Run a mutant for each seed; yield the first input of each fault, as short as it can be made."""
    known: set[str] = set()
    for text in corpus:
        # What is imported and cached once is no input's own time.
        verdict(run, text)
    for seed in seeds:
        dice = random.Random(f"{kind} {seed}")
        text = mutant(dice.choice(corpus), dice)
        began = time.process_time()
        fault = verdict(run, text)
        if slowest is not None:
            slowest.note(time.process_time() - began, seed)
        if fault and _site(fault) not in known:
            known.add(_site(fault))
            yield Failure(kind, seed, shortest(run, text, fault), fault)


def shortest(run: Run, text: str, fault: str) -> str:
    """Return ``text`` without the parts that its fault does not need, as far as a number of tries shows."""
    size, tries = max(1, len(text) // 2), MOST_TRIES
    while size:
        at = 0
        while at < len(text) and tries:
            tries -= 1
            shorter = text[:at] + text[at + size :]
            if fault != TOO_SLOW and _site(verdict(run, shorter)) == _site(fault):
                text = shorter
            else:
                at += size
        size //= 2
    return text


def _site(fault: str) -> str:
    return fault.partition(": ")[0]


@contextmanager
def _guarded() -> Iterator[None]:
    def give_up(_: int, __: FrameType | None) -> None:
        raise Hanging

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, MOST_CPU_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
