"""Work in the pool: nothing that breaks is tried again at once."""

from __future__ import annotations

from queue import Queue

import pytest

from llmwright.targets.kubernetes.operator.tasks import PAUSE_S, Tasks


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
