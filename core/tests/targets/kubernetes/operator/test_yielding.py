"""For whom a server's pods stand back, and for how long."""

from __future__ import annotations

import pytest
from core.tests.targets.kubernetes.clock import Clock

from llmwright.targets.kubernetes.cluster.workqueue import Line, Workqueue
from llmwright.targets.kubernetes.operator.yielding import YIELD_S, Yielding

MINE, OTHER = ("default", "mine"), ("default", "other")


@pytest.mark.parametrize("line", [Line.NEW, Line.MOVED])
def test_pods_stand_back_for_those_that_have_nothing_and_are_called_for_after_them(line: Line) -> None:
    clock = Clock()
    queue = Workqueue(clock)
    queue.add(OTHER, line)
    assert Yielding(queue, clock).stands_back(MINE)
    assert [queue.take(), queue.take()] == [OTHER, MINE]


@pytest.mark.parametrize("line", [Line.LAST, Line.RUNS])
def test_pods_do_not_stand_back_for_what_runs_nor_for_others_pods(line: Line) -> None:
    clock = Clock()
    queue = Workqueue(clock)
    assert not Yielding(queue, clock).stands_back(MINE)
    queue.add(OTHER, line)
    assert not Yielding(queue, clock).stands_back(MINE)


def test_however_many_come_pods_do_not_stand_back_for_ever() -> None:
    clock = Clock()
    queue = Workqueue(clock)
    yielding = Yielding(queue, clock)
    queue.add(OTHER)
    assert yielding.stands_back(MINE)
    clock.now += YIELD_S - 1
    assert yielding.stands_back(MINE)
    for number in range(10):
        queue.add(("default", f"other-{number}"))
    clock.now += 1
    assert MINE in [queue.take() for _ in range(2)]
    assert queue.holds(Line.NEW)
    assert not yielding.stands_back(MINE)
