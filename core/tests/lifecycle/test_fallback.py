"""An instance type that cannot be had is given back, recorded, and followed by the next."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from core.tests.lifecycle.support.lifecycle_world import (
    CREATE,
    DELETE,
    NODES_GONE,
    NODES_LEFT,
    NODES_READY,
    NOW,
    launch,
    plan,
    workspace,
)

from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Decision, Look, Provision, Release
from llmwright.lifecycle.fallback import ROUND_S
from llmwright.lifecycle.observed import Observed, Trouble, Workload
from llmwright.values.nodes import Failed, FailureKind, ProvisionerDecision, Ready, Waiting
from llmwright.values.plan import Choice, PassedOver, Plan

QUOTA = ProvisionerDecision(outcome=Failed("quota", "limit 24, used 24"), state={"seen": "refusal"})
ASKED = ProvisionerDecision(outcome=Waiting("Coming", "soon"), actions=(CREATE,))


def planned(name: str = "a", inputs: str = "1", alternatives: tuple[str, ...] = ("b", "c"), **more: Any) -> Plan:
    choice = Choice(name=name, why="")
    changes = {"serving": launch("serve"), "instance_type": choice, "alternatives": alternatives, **more}
    return plan(inputs, **changes)


@dataclass
class Passes:
    """Decides for one Workspace, pass after pass."""

    plan: Plan
    status: WorkspaceStatus | None = None
    now: datetime = NOW

    def __call__(self, provision: ProvisionerDecision, **observed: Any) -> Decision:
        seen = {"provision": provision, "release": NODES_GONE, **observed}
        decision = decide(workspace(tuned=False), self.plan, Observed(**seen), self.status, self.now)
        self.status = decision.status
        return decision

    @property
    def record(self) -> PlanRecord:
        assert self.status is not None
        assert self.status.plan is not None
        return self.status.plan

    @property
    def refused(self) -> list[str]:
        return [each.instance_type for each in self.record.refused]

    def told(self, kind: str = "InstanceTypeRefused") -> str:
        assert self.status is not None
        condition = self.status.condition(kind)
        return condition.message if condition is not None else ""


@pytest.fixture
def passes() -> Passes:
    return Passes(planned())


@pytest.mark.parametrize("kind", ["quota", "capacity", "retired"])
def test_a_refused_type_is_recorded_then_given_back_then_left_open(passes: Passes, kind: FailureKind) -> None:
    passes(ASKED)
    refusal = replace(QUOTA, outcome=Failed(kind, "no more"))
    first = passes(refusal, release=NODES_LEFT)
    assert (passes.record.instance_type, passes.refused, passes.record.alternatives) == ("a", ["a"], ["b", "c"])
    assert [event.reason for event in first.events] == ["InstanceTypeRefused"]
    assert first.actions == (Release((DELETE,)),)
    assert passes(ASKED, release=NODES_LEFT).actions == (Release((DELETE,)),)
    assert passes(ASKED, acting=True).actions == ()
    assert passes(ASKED, look_due=True).actions == (Look(),)
    assert (passes.record.inputs, passes.record.instance_type) == ("1", "a")
    last = passes(ASKED)
    assert (passes.record.inputs, passes.record.instance_type, last.actions) == ("1.r1", None, ())
    assert last.again_in is not None
    assert 0.0 < last.again_in <= 1.0


def test_the_next_type_is_asked_for_and_the_refusal_stays_on_record(passes: Passes) -> None:
    passes(QUOTA)
    passes.plan = planned("b", "1.r1", ("c",))
    assert passes(ASKED).actions == (Provision((CREATE,)),)
    assert (passes.record.instance_type, passes.record.alternatives, passes.refused) == ("b", ["c"], ["a"])
    passes(NODES_READY)
    assert passes.told() == "a: QuotaExceeded: limit 24, used 24. b is used instead"


def test_a_refused_act_counts_as_the_outcome_of_that_kind(passes: Passes) -> None:
    passes(ASKED, provisioner_trouble=Trouble("InsufficientCapacity", "none in zone 1"))
    assert passes.refused == ["a"]
    passes = Passes(planned())
    passes(ASKED, provisioner_trouble=Trouble("AuthorizationFailed", "no role"))
    assert passes.refused == []


@pytest.mark.parametrize("kind", ["auth", "invalid", "transient"])
def test_another_type_is_not_tried_where_it_would_not_help(passes: Passes, kind: FailureKind) -> None:
    passes(replace(QUOTA, outcome=Failed(kind, "no")))
    assert (passes.refused, passes.told()) == ([], "")


@pytest.mark.parametrize(
    "server", [Workload(phase="ready"), Workload(phase="running"), Workload(phase="pending", answering=1)]
)
def test_what_answers_is_not_given_up(passes: Passes, server: Workload) -> None:
    passes(QUOTA, serving=server)
    assert passes.refused == []


def test_a_type_that_the_user_named_alone_is_waited_for() -> None:
    passes = Passes(planned(alternatives=()))
    passes(QUOTA)
    assert (passes.record.refused, passes.record.instance_type) == ([], "a")


def test_the_traces_of_a_refusal_are_remembered_before_the_next_type_is_asked_for(passes: Passes) -> None:
    passes(QUOTA)
    assert passes.status is not None
    assert passes.status.provisioner is not None
    assert passes.status.provisioner.state == {"seen": "refusal"}


def test_what_cannot_be_given_back_holds_the_fallback_up_and_is_named(passes: Passes) -> None:
    stuck = ProvisionerDecision(outcome=Failed("auth", "may not delete"))
    passes(QUOTA, release=stuck)
    passes(ASKED, release=stuck)
    assert passes.record.instance_type == "a"
    assert "a was refused, and what was asked for is not given back: may not delete" in passes.told("Stalled")


def exhausted() -> Passes:
    passes = Passes(planned(alternatives=("b",)))
    passes(QUOTA)
    passes.plan = planned("b", "1.r1", ())
    passes(ASKED)
    passes(replace(QUOTA, outcome=Failed("capacity", "none in any zone")))
    return passes


def test_with_none_left_all_are_named_with_their_reasons() -> None:
    passes = exhausted()
    assert (passes.refused, passes.record.instance_type) == (["a", "b"], "b")
    assert passes.told("ResourceReady") == ("none in any zone. Tried before: a: QuotaExceeded: limit 24, used 24")
    assert "No other instance type is left" in passes.told()
    assert passes.told("Stalled") == passes.told("ResourceReady")


def test_after_a_while_all_are_tried_again_from_the_first() -> None:
    passes = exhausted()
    passes.now += timedelta(seconds=ROUND_S + 1)
    passes(QUOTA)
    assert (passes.record.instance_type, passes.record.inputs, passes.record.alternatives) == (None, "1.r2", ["a", "b"])
    passes.plan = planned("a", "1.r2", ("b",))
    passes(ASKED)
    passes(QUOTA)
    assert passes.refused == ["b", "a"]
    passes.plan = planned("b", "1.r3", ())
    passes(ASKED)
    assert (passes.record.instance_type, passes.refused) == ("b", ["b", "a"])


def test_the_last_type_that_comes_after_all_is_no_longer_refused() -> None:
    passes = exhausted()
    passes(NODES_READY)
    assert passes.refused == ["a"]
    assert passes.told().endswith("b is used instead")


def test_types_that_could_not_be_planned_are_on_record_with_the_refused(passes: Passes) -> None:
    passes(QUOTA)
    over = PassedOver("b", "LimitExceeded", "too dear")
    passes.plan = planned("c", "1.r1", (), passed_over=(over,))
    passes(ASKED)
    passes(ASKED)
    assert passes.refused == ["a", "b"]
    assert "b: LimitExceeded: too dear. c is used instead" in passes.told()


def test_an_edit_begins_anew_and_keeps_what_comes_after_the_machines_that_are_kept(passes: Passes) -> None:
    passes(QUOTA)
    passes.plan = planned("b", "1.r1", ("c",))
    passes(NODES_READY)
    passes.plan = planned("b", "2", ())
    passes(NODES_READY)
    assert (passes.refused, passes.record.alternatives, passes.told()) == ([], ["c", "a"], "")


def test_nothing_is_given_up_while_nobody_knows_what_there_is(passes: Passes) -> None:
    passes(QUOTA, release=NODES_LEFT)
    unreachable = ProvisionerDecision(outcome=Failed("transient", "no answer", "CloudUnreachable"))
    decision = decide(
        workspace(tuned=False),
        passes.plan,
        Observed(provision=None, release=unreachable, transient=True),
        passes.status,
        NOW,
    )
    assert decision.actions == ()
    assert decision.status.plan == passes.record
    assert isinstance(NODES_GONE.outcome, Ready)
