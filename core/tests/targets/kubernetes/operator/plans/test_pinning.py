"""Which machines are kept, and what a rollout moves."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.api.document import Document, parse_workspace
from llmwright.api.status import PlanRecord, RefusedType, WorkspaceStatus
from llmwright.api.workspace import Resource, Workspace, WorkspaceSpec
from llmwright.plan.digest import as_written, with_fallback, with_rollout, without_fallback
from llmwright.targets.kubernetes.operator.plans.pinning import on_machines, pinned, settled_nodes, types_in_turn

RECORD = PlanRecord(inputs="before", target="kubernetes", preset="phi-4", provisioner="byo", nodes=3)
STATUS = WorkspaceStatus(plan=RECORD, target_node_count=3)


def workspace(**inference: Any) -> Workspace:
    parts = {"preset": {"name": "phi-4"}, **inference}
    document = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "ws"}, "inference": parts}
    return parse_workspace(Document(document))


@pytest.mark.parametrize(
    ("changed", "nodes"),
    [
        ({}, 3),
        ({"config": "longer"}, 3),
        ({"runtime": "hf"}, 3),
        ({"replicas": 2}, None),
        ({"preset": {"name": "phi-4-mini-instruct"}}, None),
    ],
)
def test_the_number_of_machines_is_decided_once(changed: dict[str, Any], nodes: int | None) -> None:
    assert settled_nodes(workspace(**changed), STATUS, None) == nodes


def test_what_is_recorded_for_the_same_words_holds_whatever_they_are() -> None:
    assert settled_nodes(workspace(replicas=2), STATUS, RECORD) == 3
    assert settled_nodes(workspace(), None, None) is None


@pytest.mark.parametrize(
    ("before", "scaled", "recorded", "nodes"),
    [(1, 1, True, 2), (1, 3, True, 6), (2, 1, True, 1), (2, 0, True, 0), (0, 3, True, None), (1, 3, False, None)],
)
def test_replicas_multiply_the_machines_that_were_decided(
    before: int, scaled: int, recorded: bool, nodes: int | None
) -> None:
    record = RECORD.model_copy(update={"replicas": before, "nodes": 2})
    held = WorkspaceStatus(plan=record, target_node_count=2 if before else 0)
    wanted = workspace().model_copy(update={"spec": WorkspaceSpec(replicas=scaled)})
    assert settled_nodes(wanted, held, record if recorded else None) == nodes


def test_each_new_word_is_a_rollout_and_its_absence_is_none() -> None:
    first, second = with_rollout("a1", "one", None), with_rollout("a1", "two", None)
    assert len({"a1", first, second}) == 3
    assert as_written(first) == as_written(second) == "a1"
    assert with_rollout("a1", "one", "a1") == first
    assert with_rollout("a1", "", first) == first
    assert with_rollout("b2", "", first) == "b2"


def test_a_rollout_may_choose_another_runtime_and_no_other_machine() -> None:
    record = RECORD.model_copy(update={"runtime": "vllm", "instance_type": "Standard_NC24ads_A100_v4"})
    written = workspace()
    written = written.model_copy(
        update={"resource": written.resource.model_copy(update={"instance_type": "auto", "provisioner": None})}
    )
    kept, free = pinned(written, record), on_machines(written, record)
    assert (kept.inference and kept.inference.runtime, free.inference and free.inference.runtime) == ("vllm", None)
    for one in (kept, free):
        assert (one.resource.instance_type, one.resource.provisioner) == ("Standard_NC24ads_A100_v4", "byo")


def test_a_fallback_moves_on_within_one_wish_and_a_new_wish_begins_anew() -> None:
    once = with_fallback("a1")
    assert (once, with_fallback(once), as_written(once)) == ("a1.r1", "a1.r2", "a1")
    assert with_rollout("a1", "", once) == once
    assert with_rollout("b2", "", once) == "b2"
    moved = with_rollout("a1", "one", None)
    assert with_rollout("a1", "one", with_fallback(moved)) == f"{moved}.r1"
    assert with_rollout("a1", "two", with_fallback(moved)) == with_rollout("a1", "two", None)
    assert without_fallback(with_fallback(moved)) == moved


def test_a_list_is_planned_on_the_type_on_record() -> None:
    listed = workspace().model_copy(update={"resource": Resource(instance_type="a, b")})
    chosen = on_machines(listed, RECORD.model_copy(update={"instance_type": "b"}))
    assert chosen.resource.instance_type == "b"
    assert on_machines(listed, RECORD).resource.instance_type == "a, b"


def test_refused_types_are_in_turn_again_after_all_others() -> None:
    refused = [RefusedType(instance_type=name, reason="QuotaExceeded", at="") for name in ("a", "b")]
    record = RECORD.model_copy(update={"alternatives": ["c", "b"], "refused": refused})
    assert types_in_turn(record) == ("c", "b", "a")
