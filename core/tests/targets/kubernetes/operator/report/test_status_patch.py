"""The patch that makes a live status the one that was decided."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from llmwright.api.status import Condition, CostStatus, PlanRecord, WorkspaceStatus
from llmwright.targets.kubernetes.cluster.api_errors import CONFLICT, ApiError
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


class RefusingApi(RecordingApi):
    """Refuses every patch: the Workspace is newer than the version in it."""

    def merge(self, *arguments: object, **options: object) -> dict[str, Any]:
        raise ApiError("the object has been modified", code=CONFLICT, reason="Conflict")


def writer_to(api: RecordingApi, memory: Memory) -> StatusWriter:
    cache = ObjectCache(trim=dict, changed=lambda *_: None, index=lambda _: None)
    return StatusWriter(api, cache, Debounce(memory, lambda: False), memory)  # type: ignore[arg-type]


def written(live: dict[str, Any], status: WorkspaceStatus) -> Mapping[str, Any]:
    api = RecordingApi()
    assert writer_to(api, Memory()).write(live, status).done
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


def test_a_status_that_is_refused_as_outdated_is_no_quarrel() -> None:
    memory, live = Memory(), {"metadata": {"namespace": "default", "name": "phi", "uid": "u", "resourceVersion": "7"}}
    wanted = WorkspaceStatus(state="Pending", plan=PLAN)
    for _ in range(20):
        with pytest.raises(ApiError):
            writer_to(RefusingApi(), memory).write(live, wanted)
    assert writer_to(RecordingApi(), memory).write(live, wanted).recorded


def test_a_status_that_somebody_keeps_changing_is_not_on_record_while_its_write_rests() -> None:
    memory, wanted = Memory(), WorkspaceStatus(state="Pending", plan=PLAN)
    writer = writer_to(RecordingApi(), memory)
    results = [
        writer.write(
            {
                "metadata": {"namespace": "default", "name": "phi", "uid": "u", "resourceVersion": str(turn)},
                "status": {"state": f"theirs {turn}"},
            },
            wanted,
        )
        for turn in range(10)
    ]
    assert [(result.done, result.recorded) for result in (results[0], results[-1])] == [(True, True), (False, False)]
