"""The patch that makes a live status the one that was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.status import Condition, CostStatus, PlanRecord, WorkspaceStatus
from llmwright.targets.kubernetes.cluster.object_cache import ObjectCache
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.report.debounce import Debounce
from llmwright.targets.kubernetes.operator.report.status_patch import StatusWriter, status_patch

PLAN = PlanRecord(inputs="a", target="kubernetes", preset="demo", provisioner="byo")


class RecordingApi:
    """Takes every merge patch and answers with the Workspace that it makes."""

    def __init__(self) -> None:
        self.patches: list[Mapping[str, Any]] = []

    def merge(
        self, resource: object, namespace: str, name: str, patch: Mapping[str, Any], subresource: str = ""
    ) -> dict[str, Any]:
        self.patches.append(patch)
        return {**patch, "metadata": {"namespace": namespace, "name": name, "uid": "u", "resourceVersion": "8"}}


def written(live: dict[str, Any], status: WorkspaceStatus) -> Mapping[str, Any]:
    api, memory = RecordingApi(), Memory()
    cache = ObjectCache(trim=dict, changed=lambda *_: None, index=lambda _: None)
    writer = StatusWriter(api, cache, Debounce(memory, lambda: False), memory)  # type: ignore[arg-type]
    assert writer.write(live, status).done
    return api.patches[0]


def test_a_plan_is_recorded_only_over_the_version_that_was_read() -> None:
    live = {"metadata": {"namespace": "default", "name": "phi", "uid": "u", "resourceVersion": "7"}}
    first = WorkspaceStatus(state="Pending", plan=PLAN)
    assert written(live, first)["metadata"] == {"resourceVersion": "7"}
    recorded = {**live, "status": status_patch({}, first)}
    assert "metadata" not in written(recorded, first.model_copy(update={"state": "Ready"}))


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
