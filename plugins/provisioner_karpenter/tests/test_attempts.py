"""Attempts: how often nodes are requested again, and when that ends."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from functools import partial
from itertools import pairwise
from typing import Any

import pytest
from plugins.provisioner_karpenter.tests.support.builders import (
    LAUNCH_FAILED,
    ask,
    claim,
    decide,
    event,
    name,
    pooled,
    seen,
    verbs,
)

from llmwright.testing.presets import NOW
from llmwright.values.nodes import Failed, Waiting
from llmwright_provisioner_karpenter.owned_objects import ClaimCondition, OwnedObjects


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
    assert [round(gap, -2) for gap in gaps[4:7]] == [300, 600, 1200]
    assert {round(gap, -2) for gap in gaps[7:]} == {1800}
    assert isinstance(decision.outcome, Failed)
    assert (decision.outcome.kind, decision.outcome.reason) == ("quota", "CircuitOpen")
    assert "QuotaExceeded" in decision.outcome.message
    resting = decide(ask(state=state, namespace="models"), seen(), now + timedelta(seconds=5)).outcome
    assert isinstance(resting, Failed)
    assert f"`llmwright rollout {ask().workspace} --target kubernetes -n models` tries at once" in resting.message
    ready = decide(ask(state=state), seen(claim()), now)
    assert ready.state == {"mode": "nodeclaim"}


@pytest.mark.parametrize("state", [{"failures": "x", "tried": 3, "asked": "ws", "cause": []}, {"failed": "2026-01-01"}])
def test_a_state_of_another_making_is_passed_over(state: dict[str, Any]) -> None:
    assert verbs(decide(ask(state=state), seen())) == [("apply", name())]


def test_a_thousand_nodes_are_remembered_in_four_kibibytes() -> None:
    decision = decide(ask(count=1000), seen())
    assert len(decision.actions) == 1000
    assert len(json.dumps(decision.state)) <= 4096


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_machine_that_was_never_seen_and_of_whose_end_an_event_tells_failed() -> None:
    asked = decide(ask(), seen())
    refused = decide(ask(state=asked.state), seen(events=(event(seconds=1),)), at(2))
    assert isinstance(refused.outcome, Failed)
    assert refused.outcome.kind == "capacity"
    assert "InsufficientCapacityError" in refused.outcome.message
    assert "all requested instance types were unavailable" in refused.outcome.message
    assert "the next one is at" in refused.outcome.message
    assert refused.outcome.again_in == 15.0
    assert refused.actions == ()


def test_an_event_that_comes_after_its_machine_went_still_tells_why() -> None:
    asked = decide(ask(), seen())
    there = decide(ask(state=asked.state), seen(claim(ready=False)), at(1))
    gone = decide(ask(state=there.state), seen(), at(2))
    assert isinstance(gone.outcome, Waiting)
    assert gone.outcome.reason == "BackingOff"
    told = decide(ask(state=gone.state), seen(events=(event(seconds=1),)), at(3))
    assert isinstance(told.outcome, Failed)
    assert told.outcome.kind == "capacity"
    kept = decide(ask(state=told.state), seen(), at(4))
    assert isinstance(kept.outcome, Failed)
    assert "unavailable" in kept.outcome.message


def test_an_event_about_an_earlier_machine_of_that_name_counts_for_nothing() -> None:
    asked = decide(ask(), seen())
    outcome = decide(ask(state=asked.state), seen(events=(event(seconds=-60),)), at(2)).outcome
    assert isinstance(outcome, Waiting)


def test_a_machine_that_goes_is_a_failure_once_an_event_tells_why_and_no_second_one_when_it_is_gone() -> None:
    asked = decide(ask(), seen())
    there = decide(ask(state=asked.state), seen(claim(ready=False)), at(1))
    going = decide(ask(state=there.state), seen(claim(ready=False, deleting=at(1)), events=(event(seconds=1),)), at(2))
    assert isinstance(going.outcome, Failed)
    assert "1 attempt to get nodes failed" in going.outcome.message
    gone = decide(ask(state=going.state), seen(events=(event(seconds=1),)), at(14))
    assert isinstance(gone.outcome, Failed)
    assert "1 attempt to get nodes failed" in gone.outcome.message


def test_an_event_counts_once_though_the_next_machine_has_the_same_name() -> None:
    state = decide(ask(inputs="wish"), seen()).state
    state = decide(ask(state=state, inputs="wish"), seen(events=(event(seconds=1),)), at(1)).state
    again = decide(ask(state=state, inputs="other"), seen(events=(event(seconds=1),)), at(2))
    assert verbs(again) == [("apply", name())]
    later = decide(ask(state=again.state, inputs="other"), seen(events=(event(seconds=1),)), at(3))
    assert isinstance(later.outcome, Waiting)
    second = (event(seconds=1), event(seconds=4, uid="second"))
    assert isinstance(decide(ask(state=later.state, inputs="other"), seen(events=second), at(4)).outcome, Failed)


@pytest.mark.parametrize("reason", ["FailedDraining", "Disrupted"])
def test_an_event_that_accompanies_a_deletion_tells_no_cause(reason: str) -> None:
    asked = decide(ask(), seen())
    outcome = decide(ask(state=asked.state), seen(events=(event(reason=reason, seconds=1),)), at(2)).outcome
    assert isinstance(outcome, Waiting)


def test_the_cause_stays_while_the_next_attempt_is_under_way_and_goes_once_the_cloud_made_the_machine() -> None:
    state = decide(ask(), seen()).state
    state = decide(ask(state=state), seen(events=(event(seconds=1),)), at(2)).state
    again = decide(ask(state=state), seen(events=(event(seconds=1),)), at(20))
    assert verbs(again) == [("apply", name())]
    starting = decide(ask(state=again.state), seen(claim(ready=False)), at(21))
    for outcome in (again.outcome, starting.outcome):
        assert isinstance(outcome, Failed)
        assert (outcome.kind, outcome.reason) == ("capacity", "")
        assert "attempt 2 is under way" in outcome.message
    launched = claim(ready=False, conditions=(ClaimCondition("Launched", "True", "Launched"),))
    assert isinstance(decide(ask(state=starting.state), seen(launched), at(25)).outcome, Waiting)


def broken_circuit(inputs: str) -> dict[str, Any]:
    """Return the state after five attempts that Events told of."""
    state: Any = {}
    now = 0.0
    for _ in range(5):
        state = decide(ask(state=state, inputs=inputs), seen(), at(now)).state
        refused = decide(ask(state=state, inputs=inputs), seen(events=(event(seconds=now, uid=str(now)),)), at(now + 1))
        assert isinstance(refused.outcome, Failed)
        state, now = refused.state, now + 1 + (refused.outcome.again_in or 0.0)
    outcome = refused.outcome
    assert isinstance(outcome, Failed)
    assert outcome.reason == "CircuitOpen"
    assert "InsufficientCapacityError" in outcome.message
    return json.loads(json.dumps(dict(state)))  # type: ignore[no-any-return]


def test_an_open_circuit_tries_one_machine_and_closes_when_that_one_is_ready() -> None:
    state = broken_circuit("wish")
    later = at(900)
    request = partial(ask, count=3, inputs="wish")
    probe = decide(request(state=state), seen(), later)
    assert verbs(probe) == [("apply", name())]
    assert isinstance(probe.outcome, Failed)
    assert probe.outcome.reason == "CircuitOpen"
    starting = decide(request(state=probe.state), seen(claim(ready=False)), later + timedelta(seconds=60))
    assert verbs(starting) == []
    ready = decide(request(state=starting.state), seen(claim()), later + timedelta(seconds=120))
    assert [verb for verb, _ in verbs(ready)] == ["apply", "apply"]
    assert isinstance(ready.outcome, Waiting)


def test_a_machine_that_an_open_circuit_tried_in_vain_doubles_the_pause() -> None:
    later = at(900)
    state = decide(ask(state=broken_circuit("wish"), inputs="wish"), seen(), later).state
    lost = seen(events=(event(seconds=901, uid="sixth"),))
    refused = decide(ask(state=state, inputs="wish"), lost, later + timedelta(seconds=2))
    assert isinstance(refused.outcome, Failed)
    assert (refused.outcome.reason, refused.outcome.again_in) == ("CircuitOpen", 600.0)


def test_another_wish_of_the_user_tries_at_once_and_a_restart_does_not() -> None:
    state = broken_circuit("wish")
    later = at(300)
    assert verbs(decide(ask(state=state, inputs="wish"), seen(), later)) == []
    edited = decide(ask(state=state, inputs="wish.rollout"), seen(), later)
    assert verbs(edited) == [("apply", name())]
    assert isinstance(edited.outcome, Waiting)
    assert edited.state["inputs"] == "wish.rollout"
    before = {key: value for key, value in state.items() if key != "inputs"}
    assert verbs(decide(ask(state=before, inputs="wish"), seen(), later)) == []


def test_a_pools_machines_that_events_tell_of_are_named() -> None:
    state = decide(ask("nodepool"), OwnedObjects()).state
    state = decide(ask("nodepool", state=state), pooled(claim("p-1", ready=False)), at(1)).state
    outcome = decide(
        ask("nodepool", state=state), pooled(claim("p-2", ready=False), events=(event("p-1"),)), at(2)
    ).outcome
    assert isinstance(outcome, Failed)
    assert outcome.kind == "capacity"
    assert "p-1" in outcome.message


def test_the_state_stays_below_four_kibibytes_with_everything_in_it() -> None:
    many = [claim(f"{'n' * 57}-{number:05}", ready=False) for number in range(40)]
    state = decide(ask("nodepool", count=40), OwnedObjects()).state
    state = decide(ask("nodepool", count=40, state=state), pooled(*many), at(1)).state
    lost = pooled(events=tuple(event(each.name, text="x" * 500, uid=f"{index:036}") for index, each in enumerate(many)))
    decision = decide(ask("nodepool", count=40, state=state, inputs="f" * 73), lost, at(2))
    renewed = decide(ask("nodepool", count=40, state=decision.state, inputs="f" * 73), pooled(*many), at(3))
    assert max(len(json.dumps(each.state)) for each in (decision, renewed)) <= 4096
