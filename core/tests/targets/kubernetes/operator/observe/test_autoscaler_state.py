"""An autoscaler's own words for whether it moves the number of copies."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.operator.observe.autoscaler_state import PENDING, WORKS, autoscaler_state


def condition(kind: str, status: str, reason: str = "R") -> dict[str, Any]:
    return {"type": kind, "status": status, "reason": reason, "message": "m"}


@pytest.mark.parametrize(
    ("conditions", "works", "reason"),
    [
        ([], False, PENDING.reason),
        ([condition("AbleToScale", "True"), condition("ScalingActive", "True")], True, WORKS.reason),
        (
            [condition("AbleToScale", "True"), condition("ScalingActive", "False", "FailedGetPodsMetric")],
            False,
            "FailedGetPodsMetric",
        ),
        ([condition("AbleToScale", "False", "FailedGetScale")], False, "FailedGetScale"),
        ([condition("ScalingLimited", "True")], False, PENDING.reason),
        (
            [condition("Ready", "True"), condition("Active", "False"), condition("Paused", "Unknown")],
            True,
            WORKS.reason,
        ),
        ([condition("Ready", "False", "ScaledObjectCheckFailed")], False, "ScaledObjectCheckFailed"),
        ([condition("Ready", "Unknown")], False, PENDING.reason),
    ],
)
def test_what_its_conditions_tell(conditions: list[dict[str, Any]], works: bool, reason: str) -> None:
    state = autoscaler_state({"status": {"conditions": conditions}})
    assert (state.works, state.reason) == (works, reason)
    assert autoscaler_state({}) == PENDING
