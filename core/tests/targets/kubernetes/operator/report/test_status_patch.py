"""The patch that makes a live status the one that was decided."""

from __future__ import annotations

from llmwright.api.status import Condition, CostStatus, WorkspaceStatus
from llmwright.targets.kubernetes.operator.report.status_patch import status_patch


def test_a_status_that_says_the_same_is_not_written() -> None:
    condition = Condition(
        type="Ready", status="True", reason="Ready", message="", last_transition_time="2026-01-01T00:00:00Z"
    )
    status = WorkspaceStatus(state="Ready", conditions=[condition], cost=CostStatus(usd_per_hour=1.0, note="today"))
    live = status_patch({}, status)
    assert status_patch(live, status) == {}
    assert status_patch(live, status.model_copy(update={"cost": None})) == {"cost": None}
    cheaper = status.model_copy(update={"cost": CostStatus(usd_per_hour=0.5)})
    assert status_patch(live, cheaper) == {"cost": {"usdPerHour": 0.5, "note": ""}}
