"""Whether a status may be written after what it tells of was done."""

from __future__ import annotations

from dataclasses import replace

from llmwright.api.status import PlanRecord, WorkspaceStatus
from llmwright.lifecycle.decision import Decision, Event, Provision, Start, Stop
from llmwright.lifecycle.observed import Observed
from llmwright.targets.kubernetes.operator.apply.applier import may_follow
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import ProvisionerAction, ProvisionerDecision, Ready

LAUNCH = Launch(main=Process(name="run", argv=("run",)))
START = Start(role="serving", launch=LAUNCH, digest=LAUNCH.digest, inputs="i")
ACT = ProvisionerAction(verb="delete", name="claim")

NOTHING_HELD = Observed(release=ProvisionerDecision(outcome=Ready()))
A_CLAIM_HELD = Observed(release=ProvisionerDecision(outcome=Ready(), actions=(ACT,)))
PLANNED = WorkspaceStatus(plan=PlanRecord(inputs="i", target="kubernetes", preset="p", provisioner="karpenter"))
STARTS = Decision(status=PLANNED, actions=(START,))


def test_a_server_on_nodes_that_nobody_has_to_give_back_starts_before_its_record() -> None:
    assert may_follow(STARTS, NOTHING_HELD, None)
    assert not may_follow(STARTS, A_CLAIM_HELD, None)
    assert not may_follow(STARTS, Observed(), None)


def test_a_server_starts_before_the_rest_of_a_status_whose_plan_is_on_record() -> None:
    assert may_follow(STARTS, A_CLAIM_HELD, PLANNED)
    assert may_follow(replace(STARTS, actions=(Provision((ACT,)), START)), A_CLAIM_HELD, PLANNED)
    other = PLANNED.model_copy(update={"plan": None})
    assert not may_follow(STARTS, A_CLAIM_HELD, other)


def test_all_else_is_on_record_first() -> None:
    def follows(decision: Decision) -> bool:
        return may_follow(decision, NOTHING_HELD, PLANNED)

    assert not follows(replace(STARTS, actions=()))
    assert not may_follow(replace(STARTS, actions=(START, Provision((ACT,)))), NOTHING_HELD, None)
    assert not follows(replace(STARTS, actions=(START, Stop("tuning"))))
    assert not follows(replace(STARTS, actions=(Provision((ACT,)),)))
    assert not follows(replace(STARTS, actions=(Stop("tuning"),)))
    assert not follows(replace(STARTS, actions=(replace(START, role="tuning"),)))
    assert not follows(replace(STARTS, actions=(replace(START, replaces=True),)))
    assert not follows(replace(STARTS, events=(Event("Normal", "InferenceReady", "it serves"),)))
    brought = PLANNED.model_copy(update={"object_kinds": ["widgets.example.com/v1"]})
    assert not follows(replace(STARTS, status=brought))
