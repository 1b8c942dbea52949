"""The look for obstacles while an operator works: what ends it, and what does not."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator

import pytest

from llmwright.targets.kubernetes.cluster.api_errors import UNREACHABLE, ApiError
from llmwright.targets.kubernetes.operator.process.obstacle_watch import EVERY_S, ObstacleWatch

AWAY = ApiError("no answer", code=UNREACHABLE, reason="ApiServerUnreachable")
ODD = KeyError("metadata")
Seen = str | Exception


class Ending(threading.Event):
    """Is set once nothing is left to see, and waits for nobody."""

    def __init__(self, looks: int) -> None:
        super().__init__()
        self._left, self.waited = looks, list[float | None]()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.append(timeout)
        if len(self.waited) > self._left:
            self.set()
        return self.is_set()


class Watched:
    """A watch that sees ``seen``, one at each look."""

    def __init__(self, seen: Iterable[Seen]) -> None:
        self._seen: Iterator[Seen] = iter(seen := list(seen))
        self.looks, self.ends, self.ending = 0, 0, Ending(len(seen))

    def look(self) -> str:
        self.looks += 1
        found = next(self._seen)
        if isinstance(found, Exception):
            raise found
        return found

    def end(self) -> None:
        self.ends += 1

    def run(self) -> Watched:
        ObstacleWatch(self.look, self.ending, self.end).run()
        return self


@pytest.mark.parametrize(
    ("seen", "looks"),
    [
        (["a", "a", ""], 2),
        (["", "a", "", "a", "a"], 5),
        # Each pod of a Deployment that is rolled out has another name.
        (["pod a-1", "pod a-2", ""], 2),
        (["a", AWAY, AWAY, "a", ""], 4),
        (["a", ODD, "a", ""], 3),
    ],
)
def test_what_is_there_at_two_looks_ends_the_operator(seen: list[Seen], looks: int) -> None:
    watched = Watched(seen).run()
    assert (watched.ends, watched.looks) == (1, looks)


@pytest.mark.parametrize("seen", [[""] * 3, ["a", "", "a", ""], ["a"], [AWAY] * 5, [ODD] * 5, ["a", AWAY, "", "a"]])
def test_what_passes_ends_nothing(seen: list[Seen]) -> None:
    watched = Watched(seen).run()
    assert (watched.ends, watched.looks) == (0, len(seen))
    assert {*watched.ending.waited} == {EVERY_S}


def test_an_end_from_elsewhere_ends_the_look() -> None:
    watched = Watched(["a", "a"])
    watched.ending.set()
    assert (watched.run().looks, watched.ends) == (0, 0)


def test_each_is_logged_as_it_is(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    Watched(["KAITO came", ODD, AWAY, "KAITO is there"]).run()
    assert [(record.levelname, record.getMessage(), bool(record.exc_info)) for record in caplog.records] == [
        ("ERROR", "what may stand in the way could not be looked for; again in 60 s", True),
        ("ERROR", "this operator ends, and its next start waits: KAITO is there", False),
    ]
