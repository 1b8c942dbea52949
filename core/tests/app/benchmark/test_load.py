"""When a level begins no more requests."""

from __future__ import annotations

from llmwright.app.benchmark.load import Budget, budget_of


def test_as_many_requests_as_wanted() -> None:
    budget = Budget(2, None, 20)
    assert [budget.take(0.0) for _ in range(3)] == [True, True, False]


def test_none_after_the_duration() -> None:
    budget = Budget(None, 10.0, 20)
    assert [budget.take(now) for now in (5.0, 14.9, 15.0, 16.0)] == [True, True, False, False]


def test_whichever_comes_first() -> None:
    budget = Budget(2, 10.0, 20)
    assert [budget.take(now) for now in (0.0, 1.0, 2.0)] == [True, True, False]


def test_nothing_but_failures_ends_it() -> None:
    budget = Budget(None, 100.0, 3)
    for failed in (True, True, False, True, True):
        budget.judge(failed=failed)
    assert budget.take(0.0)
    budget.judge(failed=True)
    assert not budget.take(0.0)
    assert budget.gave_up


def test_more_clients_may_fail_more_often() -> None:
    small, large = budget_of(1, None, None), budget_of(100, None, None)
    for _ in range(20):
        small.judge(failed=True)
        large.judge(failed=True)
    assert (small.gave_up, large.gave_up) == (True, False)
