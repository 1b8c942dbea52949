"""Writes that somebody else undoes: the first are repeated at once, the others ever more rarely."""

from __future__ import annotations

from llmwright.targets.kubernetes.operator.contest import QUIET_S, UNREMARKABLE, begins, changed_by_another, rest_s
from llmwright.targets.kubernetes.operator.memory import Contest


def test_the_rest_grows_from_the_first_change_too_many_and_that_one_is_told() -> None:
    contest, now, rests, told = Contest(), 1000.0, [], []
    for _ in range(20):
        contest = changed_by_another(contest, now)
        rests.append(rest_s(contest, now))
        told.append(begins(contest))
        now += rests[-1] + 0.1
    assert rests[:UNREMARKABLE] == [0.0] * UNREMARKABLE
    assert rests[UNREMARKABLE:] == sorted(rests[UNREMARKABLE:])
    assert rests[-1] == 300.0
    assert told.index(True) == UNREMARKABLE
    assert told.count(True) == 1


def test_after_a_quiet_time_nothing_is_counted_any_more() -> None:
    contest = Contest(changes=9, last=0.0, until=300.0)
    assert changed_by_another(contest, QUIET_S + 1.0).changes == 1
