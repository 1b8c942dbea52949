"""Which number of machines is kept."""

from __future__ import annotations

from typing import Any

import pytest

from modelwright.api.document import Document, parse_workspace
from modelwright.api.status import PlanRecord, WorkspaceStatus
from modelwright.api.workspace import Workspace
from modelwright.targets.kubernetes.operator.planning import settled_nodes

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
