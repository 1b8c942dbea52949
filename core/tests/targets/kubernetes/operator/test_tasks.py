"""Work in the pool: nothing that breaks is tried again at once."""

from __future__ import annotations

from queue import Queue
from threading import Event

import pytest

from llmwright.targets.kubernetes.operator.tasks import PAUSE_S, Lookups, Tasks


@pytest.mark.parametrize(("error", "pause_s"), [(None, 0.0), (ValueError("x"), PAUSE_S), (SystemExit(1), PAUSE_S)])
def test_a_pass_is_due_at_once_or_where_it_broke_after_a_pause(error: BaseException | None, pause_s: float) -> None:
    tasks, pauses = Tasks(1), Queue[float]()

    def work() -> None:
        if error is not None:
            raise error

    for _ in range(2):
        assert tasks.submit("subject", work, pauses.put)
        assert pauses.get(timeout=10.0) == pause_s
    tasks.stop()


def test_a_question_that_several_wait_for_is_asked_once_and_all_of_them_are_called() -> None:
    tasks, called, may_answer = Tasks(2), Queue[tuple[tuple[str, str], float]](), Event()
    lookups = Lookups("image", tasks, lambda key, pause_s: called.put((key, pause_s)))
    asked: list[str] = []

    def work() -> None:
        asked.append("x")
        may_answer.wait(10.0)

    for name in ("a", "b", "a"):
        lookups.ask(("default", name), "x", work)
    may_answer.set()
    assert {called.get(timeout=10.0) for _ in range(2)} == {(("default", "a"), 0.0), (("default", "b"), 0.0)}
    assert asked == ["x"]
    tasks.stop()
    assert called.empty()
