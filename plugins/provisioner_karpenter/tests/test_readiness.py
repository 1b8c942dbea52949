"""Readiness: what a machine may still lack."""

from __future__ import annotations

from typing import Any

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    ask,
    claim,
    decide,
    name,
    node,
    seen,
)

from llmwright.values.nodes import Waiting

NODES: dict[str, tuple[dict[str, Any] | None, str, str]] = {
    "gone": (None, "NodeNotReady", "is not there"),
    "lost": ({"ready": False, "pressure": ("MemoryPressure",)}, "NodeNotReady", "not ready (MemoryPressure)"),
    "other type": ({"labels": {}}, "WrongInstanceType", "machine without a type"),
    "no plugin": ({"allocatable": {}}, "NodePluginsNotReady", "offers no nvidia.com/gpu yet"),
}


@pytest.mark.parametrize("case", NODES)
def test_what_a_ready_machine_lacks_is_named(case: str) -> None:
    changes, reason, text = NODES[case]
    nodes = {} if changes is None else {f"node-{name()}": node(name(), **changes)}
    outcome = decide(ask(), seen(claim(), nodes=nodes)).outcome
    assert isinstance(outcome, Waiting)
    assert outcome.reason == reason
    assert text in outcome.message
