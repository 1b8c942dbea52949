"""The least speed: slow lines pass, dripping ends."""

from __future__ import annotations

import pytest

from llmwright.artifacts.pace import PATIENCE_SECONDS, SLOWEST_BYTES_PER_SECOND, Pace
from llmwright.errors import TargetError


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def seconds_until_given_up(bytes_per_second: int, most: int) -> int | None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.begin("http://site.example/a.bin")
    for second in range(most):
        try:
            pace.limit(60.0)
        except TargetError:
            return second
        clock.now += 1
        pace.passed(bytes_per_second)
    return None


@pytest.mark.parametrize(
    ("bytes_per_second", "ends"),
    [(0, 300), (1, 301), (SLOWEST_BYTES_PER_SECOND // 2, 600), (SLOWEST_BYTES_PER_SECOND, None)],
)
def test_a_day_of_each_speed(bytes_per_second: int, ends: int | None) -> None:
    assert seconds_until_given_up(bytes_per_second, 86_400) == ends


def test_a_fast_start_buys_no_slow_rest() -> None:
    clock = Clock()
    pace = Pace(clock=clock)
    pace.begin("http://site.example/a.bin")
    pace.passed(10**12)
    clock.now += PATIENCE_SECONDS
    with pytest.raises(TargetError) as caught:
        pace.limit(None)
    assert caught.value.reason == "TooSlow"
    assert caught.value.message == "http://site.example/a.bin: less than 16 KiB a second for 300 seconds"


def test_a_time_out_is_cut_to_the_patience_left() -> None:
    clock = Clock()
    pace = Pace(100.0, clock)
    assert (pace.limit(None), pace.limit(60.0)) == (100.0, 60.0)
    clock.now += 70
    assert pace.limit(60.0) == 30.0
    pace.begin("again")
    assert pace.limit(60.0) == 60.0
