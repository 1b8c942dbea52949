"""The queue of names: once each, fair, with backoff."""

from __future__ import annotations

import pytest
from core.tests.targets.kubernetes.support.clock import Clock

from llmwright.targets.kubernetes.cluster.workqueue import BACKOFF, Line, Workqueue


def key(number: int) -> tuple[str, str]:
    return "default", f"ws-{number}"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def queue(clock: Clock) -> Workqueue:
    return Workqueue(clock)


def test_a_name_waits_once_however_often_it_is_added(queue: Workqueue) -> None:
    for _ in range(3):
        queue.add(key(1))
    queue.add(key(1), Line.RUNS)
    queue.add(key(1), Line.MOVED)
    assert queue.take() == key(1)
    queue.done(key(1))
    assert len(queue) == 0


def test_a_name_that_is_added_during_its_pass_waits_again(queue: Workqueue) -> None:
    queue.add(key(1))
    assert queue.take() == key(1)
    queue.add(key(1))
    assert len(queue) == 0
    queue.done(key(1))
    assert queue.take() == key(1)


def test_the_three_lines_take_turns(queue: Workqueue) -> None:
    for line in Line:
        for number in range(100):
            queue.add(key(1000 * line + number), line)
    first_six = {queue.take() for _ in range(6)}
    assert first_six == {key(1000 * line + number) for line in Line for number in (0, 1)}


def test_a_name_that_is_added_during_its_pass_waits_in_the_greatest_line(queue: Workqueue) -> None:
    queue.add(key(1))
    assert queue.take() == key(1)
    queue.add(key(1), Line.RUNS)
    queue.add(key(1), Line.NEW)
    for number in range(2, 5):
        queue.add(key(number), Line.NEW)
    queue.done(key(1))
    assert key(1) in {queue.take() for _ in range(2)}


def test_it_is_calm_while_the_queue_is_empty(queue: Workqueue) -> None:
    assert queue.wait_calm(0.0)
    queue.add(key(1))
    queue.add(key(2))
    assert not queue.wait_calm(0.0)
    queue.take()
    assert not queue.wait_calm(0.0)
    queue.take()
    assert queue.wait_calm(0.0)
    queue.add(key(3))
    queue.close()
    assert queue.wait_calm(0.0)


def test_pauses_double_and_end_with_success(queue: Workqueue) -> None:
    assert [queue.retry(key(1)) for _ in range(3)] == [BACKOFF.pause_s(failures) for failures in (1, 2, 3)]
    assert [queue.retry(key(1)) for _ in range(30)][-1] == BACKOFF.most_s
    queue.succeeded(key(1))
    assert queue.retry(key(1)) == BACKOFF.first_s
    assert queue.retry(key(2), at_least_s=7.0) == 7.0


def test_a_later_time_does_not_delay_an_earlier_one(queue: Workqueue, clock: Clock) -> None:
    queue.add_after(key(1), 5.0)
    queue.add_after(key(1), 60.0)
    clock.now = 6.0
    assert queue.take() == key(1)
    queue.done(key(1))
    clock.now = 100.0
    queue.add(key(2))
    assert queue.take() == key(2)
    assert len(queue) == 0


def test_closing_ends_every_wait(queue: Workqueue) -> None:
    queue.close()
    assert queue.take() is None
