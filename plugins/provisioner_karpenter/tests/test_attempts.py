"""Attempts: how often nodes are requested again, and when that ends."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    LAUNCH_FAILED,
    ask,
    claim,
    decide,
    name,
    seen,
    verbs,
)

from llmwright.testing.presets import NOW
from llmwright.values.nodes import Failed, Waiting
from llmwright_provisioner_karpenter.owned_objects import ClaimCondition


def test_a_lost_answer_is_repeated_and_never_opens_the_circuit() -> None:
    state = decide(ask(), seen()).state
    now, applied = NOW, 0
    for _ in range(200):
        now += timedelta(seconds=11)
        decision = decide(ask(state=state), seen(), now)
        assert isinstance(decision.outcome, Waiting)
        applied += len(decision.actions)
        state = decision.state
    assert 5 < applied < 25


def test_without_quota_attempts_grow_rare_and_end() -> None:
    """KAITO #2295: no endless making and deleting of NodeClaims."""
    failing = (ClaimCondition("Launched", "Unknown", "LaunchFailed", LAUNCH_FAILED["quota"]),)
    state: Any = {}
    now, tries, there = NOW, [], False
    for _ in range(2000):
        now += timedelta(seconds=5)
        observed = seen(claim(ready=False, created=now, conditions=failing)) if there else seen()
        decision = decide(ask(state=state), observed, now)
        state = json.loads(json.dumps(decision.state))
        tries += [now] if decision.actions else []
        there = bool(decision.actions)
    gaps = [(after - before).total_seconds() for before, after in pairwise(tries)]
    assert gaps[:4] == sorted(gaps[:4])
    assert all(gap >= 3600 for gap in gaps[4:])
    assert isinstance(decision.outcome, Failed)
    assert (decision.outcome.kind, decision.outcome.reason) == ("quota", "CircuitOpen")
    assert "QuotaExceeded" in decision.outcome.message
    ready = decide(ask(state=state), seen(claim()), now)
    assert ready.state == {"mode": "nodeclaim"}


@pytest.mark.parametrize("state", [{"failures": "x", "tried": 3, "asked": "ws", "cause": []}, {"failed": "2026-01-01"}])
def test_a_state_of_another_making_is_passed_over(state: dict[str, Any]) -> None:
    assert verbs(decide(ask(state=state), seen())) == [("apply", name())]


def test_a_thousand_nodes_are_remembered_in_four_kibibytes() -> None:
    decision = decide(ask(count=1000), seen())
    assert len(decision.actions) == 1000
    assert len(json.dumps(decision.state)) <= 4096
