"""Objects that are refused: not tried again at once, however they are rendered."""

from __future__ import annotations

from typing import Any, cast

from llmwright.lifecycle.observed import Trouble
from llmwright.targets.kubernetes.operator.apply.desired import Desired
from llmwright.targets.kubernetes.operator.apply.preconditions import MOST_OTHER, Preconditions
from llmwright.targets.kubernetes.operator.memory import Memory

KEY = ("ns", "ws")
REFUSED = Trouble("ObjectRefused", "spec.wrong")


def rendered(label: str) -> tuple[dict[str, Any], ...]:
    return ({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "ws", "labels": {"at": label}}},)


def blocks(preconditions: Preconditions, label: str) -> bool:
    return bool(preconditions.blockers(KEY, Desired(starting={"serving": rendered(label)})))


def preconditions() -> Preconditions:
    return Preconditions(cast(Any, None), cast(Any, None), Memory())


def test_what_was_refused_rests_and_what_is_rendered_otherwise_is_tried() -> None:
    known = preconditions()
    assert not blocks(known, "a")
    assert known.refuse(KEY, "serving", rendered("a"), REFUSED)
    assert blocks(known, "a")
    assert not blocks(known, "b")
    for _ in range(10):
        known.refuse(KEY, "serving", rendered("a"), REFUSED)
    assert not blocks(known, "b")


def test_what_is_rendered_otherwise_each_time_rests_too() -> None:
    known = preconditions()
    tries = 0
    for number in range(100):
        if not blocks(known, str(number)):
            tries += 1
            known.refuse(KEY, "serving", rendered(str(number)), REFUSED)
    assert tries == 1 + MOST_OTHER
