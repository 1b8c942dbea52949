"""Which prompts are read in a turn."""

from __future__ import annotations

import pytest

from llmwright_runtime_hf.serve.engine.reading_plan import Portion, plan_reading


@pytest.mark.parametrize(
    ("unread", "portions"),
    [
        ([], []),
        ([30], [Portion((0,), 30)]),
        ([900], [Portion((0,), 100)]),
        # As many short ones as the budget holds, in order of arrival.
        ([40, 40, 40], [Portion((0, 1), 40)]),
        # Padding is kept low: a short prompt is not read beside one twice as long.
        ([20, 45, 19], [Portion((1,), 45), Portion((0, 2), 20)]),
        # The long one gets half, and what the short ones leave; they do not wait for it, nor it for them.
        ([900, 20, 20], [Portion((1, 2), 20), Portion((0,), 60)]),
        ([30, 30, 900], [Portion((0,), 30), Portion((2,), 70)]),
        ([900, 800], [Portion((0,), 100)]),
        ([55, 10], [Portion((1,), 10), Portion((0,), 90)]),
    ],
)
def test_a_turn(unread: list[int], portions: list[Portion]) -> None:
    assert plan_reading(unread, 100, [True] * len(unread)) == portions


def test_what_is_begun_is_read_alone() -> None:
    assert plan_reading([20, 20, 20], 100, [True, False, True]) == [Portion((0, 2), 20), Portion((1,), 20)]


def test_a_budget_of_one_token_goes_on() -> None:
    assert plan_reading([5, 1], 1, [True, True]) == [Portion((0,), 1)]
