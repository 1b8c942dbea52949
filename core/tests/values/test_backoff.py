from __future__ import annotations

import pytest

from llmwright.values.backoff import Backoff


def test_the_pause_doubles_up_to_the_limit() -> None:
    backoff = Backoff(2.0, 15.0)
    assert [backoff.pause_s(failures) for failures in (1, 2, 3, 4, 5)] == [2.0, 4.0, 8.0, 15.0, 15.0]


@pytest.mark.parametrize("failures", [0, -1])
def test_without_a_failure_there_is_no_pause(failures: int) -> None:
    assert Backoff(2.0, 15.0).pause_s(failures, jitter=0.5) == 0.0


@pytest.mark.parametrize("failures", [1_000, 1_025, 10**9])
def test_any_number_of_failures_gives_the_limit(failures: int) -> None:
    assert Backoff(0.05, 300.0).pause_s(failures) == 300.0


def test_the_factor_is_the_callers_choice() -> None:
    assert [Backoff(1.0, 100.0, factor=3).pause_s(failures) for failures in (1, 2, 3)] == [1.0, 3.0, 9.0]
    assert Backoff(5.0, 5.0, factor=1).pause_s(7) == 5.0


@pytest.mark.parametrize(("jitter", "pause"), [(0.0, 8.0), (0.5, 6.0), (1.0, 4.0)])
def test_jitter_takes_up_to_half_of_the_pause(jitter: float, pause: float) -> None:
    assert Backoff(2.0, 15.0).pause_s(3, jitter=jitter) == pause


@pytest.mark.parametrize(("first", "most", "factor"), [(-1.0, 2.0, 2.0), (3.0, 2.0, 2.0), (1.0, 2.0, 0.5)])
def test_impossible_pauses_are_refused(first: float, most: float, factor: float) -> None:
    with pytest.raises(ValueError, match="must hold"):
        Backoff(first, most, factor)


def test_first_may_be_zero() -> None:
    assert Backoff(0.0, 1.0).pause_s(9) == 0.0
