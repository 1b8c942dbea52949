"""Whether a live object is as rendered, and what is written where it is not."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.status import Condition, CostStatus, WorkspaceStatus
from llmwright.errors import LimitExceeded
from llmwright.settings.model import Limits
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.apply.drift import covers, fingerprint, is_rendered_alike, marked
from llmwright.targets.kubernetes.operator.apply.revisions import HASH, revision_of
from llmwright.targets.kubernetes.operator.plans.budget import Ledger
from llmwright.targets.kubernetes.operator.report.status_writer import status_patch
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Plan
from llmwright.values.plan import Cost as PlannedCost


@pytest.mark.parametrize(
    ("live", "wanted", "alike"),
    [
        ({"a": 1, "added": 2}, {"a": 1}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"list": [{"x": 1, "y": 2}]}, {"list": [{"x": 1}]}, True),
        ({"list": [1, 2]}, {"list": [1]}, False),
        ({"memory": "1Gi"}, {"memory": "1024Mi"}, True),
        ({"memory": "1Gi"}, {"memory": "2Gi"}, False),
        ({}, {"empty": {}, "args": [], "text": ""}, True),
        ({}, {"full": {"a": 1}}, False),
    ],
)
def test_what_others_added_does_not_matter(live: Any, wanted: Any, alike: bool) -> None:
    assert covers(live, wanted) is alike


def test_a_fingerprint_leaves_out_what_runs_nothing() -> None:
    rendered = {"kind": "Service", "metadata": {"name": "a", "annotations": {"revision": "1"}}, "spec": {"x": 1}}
    renumbered = {**rendered, "metadata": {"name": "a", "annotations": {"revision": "2"}}}
    assert fingerprint(rendered) == fingerprint(renumbered)
    assert is_rendered_alike(marked(rendered), renumbered)
    assert not is_rendered_alike(marked(rendered), {**rendered, "spec": {"x": 2}})


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


def test_a_revision_that_is_written_again_keeps_its_number() -> None:
    workspace = {"metadata": {"name": "ws", "namespace": "ns", "uid": "u"}, "resource": {"count": 1}}
    first = revision_of(workspace, [])
    assert first.create is not None
    assert (first.number, first.create["metadata"]["name"]) == (1, f"ws-{first.digest[:5]}")
    known = [first.create]
    second = revision_of({**workspace, "resource": {"count": 2}}, known)
    assert second.number == 2
    assert second.create is not None
    again = revision_of(workspace, [*known, second.create])
    assert (again.number, again.create) == (1, None)
    assert again.annotations[HASH] == first.digest


def test_the_oldest_of_too_many_revisions_goes() -> None:
    workspace = {"metadata": {"name": "ws", "namespace": "ns", "uid": "u"}}
    known = [{"metadata": {"name": f"ws-{number}"}, "revision": number} for number in range(1, 12)]
    assert revision_of(workspace, known).outdated == "ws-1"
    assert revision_of(workspace, known[:10]).outdated is None


def plan(name: str, usd: float | None) -> Plan:
    return Plan(
        workspace=name,
        namespace="ns",
        inputs="i",
        target="kubernetes",
        preset="p",
        provisioner=Choice(name="byo", why=""),
        nodes=NodeRequest(namespace="ns", workspace=name, count=1),
        cost=PlannedCost(usd_per_hour=usd),
    )


def ledger(total: float | None, recorded: dict[Key, float | None] | None = None) -> Ledger:
    return Ledger(lambda _: Limits(total_usd_per_hour=total), lambda _: dict(recorded or {}))


def test_a_limit_holds_for_all_workspaces_of_a_namespace_together() -> None:
    found = ledger(10.0, {("ns", "old"): 4.0})
    found.admit(("ns", "a"), plan("a", 4.0), recorded=False)
    with pytest.raises(LimitExceeded, match="8 USD"):
        found.admit(("ns", "b"), plan("b", 4.0), recorded=False)
    with pytest.raises(LimitExceeded, match="unknown"):
        found.admit(("ns", "c"), plan("c", None), recorded=False)
    assert found.release(("ns", "old")) == {("ns", "b"), ("ns", "c")}
    found.admit(("ns", "b"), plan("b", 4.0), recorded=False)


def test_what_was_admitted_before_stays_admitted() -> None:
    found = ledger(1.0, {("ns", "old"): 4.0})
    found.admit(("ns", "old"), plan("old", 4.0), recorded=True)
    ledger(None).admit(("ns", "a"), plan("a", None), recorded=False)
