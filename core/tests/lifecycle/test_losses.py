"""Machines that are lost again and again are bought ever more rarely, and in the end hardly at all."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from llmwright.api.status import AttemptsStatus
from llmwright.lifecycle.losses import Pacing, paced
from llmwright.values.nodes import (
    Failed,
    FailureKind,
    Node,
    Outcome,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
)

START = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)
COMING = Waiting("MachinesComing", "the machine is coming")
GONE = Waiting("MachineLost", "the cloud took it back")


@dataclass
class Machine:
    """One machine that lives for ``lives_s`` seconds, ``ready_s`` after its purchase; each has a name of its own."""

    lives_s: float
    ready_s: float = 2.0
    fresh_names: bool = False
    now: datetime = START
    bought: list[datetime] = field(default_factory=list)
    attempts: AttemptsStatus | None = None
    last: Pacing = field(default_factory=Pacing)

    def run(self, seconds: float, step_s: float = 1.0, inputs: str = "1") -> None:
        """Make a pass every ``step_s`` seconds."""
        end = self.now + timedelta(seconds=seconds)
        while self.now < end:
            decision = self._decision()
            self.last = paced(self.attempts, inputs, 1, decision, self.now)
            self.attempts = self.last.attempts
            if decision.actions and self.last.trouble is None:
                self.bought.append(self.now)
            self.now += timedelta(seconds=step_s)

    def _decision(self) -> ProvisionerDecision:
        age = (self.now - self.bought[-1]).total_seconds() if self.bought else None
        if age is None or age >= self.lives_s:
            name = f"m{len(self.bought)}" if self.fresh_names else "m"
            return _decided(COMING if age is None else GONE, ProvisionerAction(verb="create", name=name))
        return _decided(Ready((Node(name="m"),)) if age >= self.ready_s else COMING)


def _decided(outcome: Outcome, *actions: ProvisionerAction) -> ProvisionerDecision:
    return ProvisionerDecision(outcome=outcome, actions=actions)


@pytest.mark.parametrize("ready_s", [2.0, 99.0])
def test_a_machine_that_is_lost_every_ten_seconds_opens_the_circuit(ready_s: float) -> None:
    machine = Machine(lives_s=10.0, ready_s=ready_s)
    machine.run(250.0)
    assert machine.last.trouble is not None
    assert machine.last.trouble.reason == "CircuitOpen"
    assert "lost 5 times in a row, the last time with MachineLost: the cloud took it back" in (
        machine.last.trouble.message
    )
    machine.run(2200.0)
    gaps = [(b - a).total_seconds() for a, b in zip(machine.bought, machine.bought[1:], strict=False)]
    assert gaps == [15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0]
    machine.run(2 * 3600.0)
    assert 3 <= len(machine.bought) - 8 <= 5, "every half hour from then on"


def test_it_backs_off_before(monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(lives_s=10.0)
    machine.run(12.0)
    assert machine.last.trouble is not None
    assert machine.last.trouble.reason == "BackingOff"
    assert machine.last.trouble.message.endswith("next attempt at 2026-05-01T12:00:15Z")
    assert 0 < machine.last.rest_s <= 15.0


def test_a_machine_that_lived_for_a_while_is_replaced_at_once() -> None:
    machine = Machine(lives_s=900.0)
    machine.run(9100.0, step_s=5.0)
    assert len(machine.bought) == 11
    assert machine.last.trouble is None


def test_names_that_change_each_time_do_not_hide_the_loss() -> None:
    machine = Machine(lives_s=10.0, ready_s=99.0, fresh_names=True)
    machine.run(3 * 3600.0)
    assert len(machine.bought) < 60


def test_another_wish_is_tried_at_once() -> None:
    machine = Machine(lives_s=10.0)
    machine.run(3000.0)
    before = len(machine.bought)
    machine.run(1.0, inputs="2")
    assert len(machine.bought) == before + 1


def test_steps_of_one_purchase_are_no_losses() -> None:
    attempts: AttemptsStatus | None = None
    names = ("network", "disk", "machine", "label")
    for number in range(40):
        step = number // 10
        actions = (ProvisionerAction(verb="create", name=names[step]),) if number % 10 == 0 else ()
        pacing = paced(attempts, "1", 1, _decided(COMING, *actions), START + timedelta(seconds=number))
        assert pacing.trouble is None
        attempts = pacing.attempts


def test_the_steps_of_an_attempt_after_a_loss_follow_at_once() -> None:
    lost = AttemptsStatus(inputs="1", count=1, asked_at="2026-05-01T11:00:00Z", losses=3)
    attempts: AttemptsStatus | None = lost
    for number, name in enumerate(("network", "disk", "machine")):
        decision = _decided(COMING, ProvisionerAction(verb="create", name=name))
        pacing = paced(attempts, "1", 1, decision, START + timedelta(seconds=number))
        assert pacing.trouble is None
        attempts = pacing.attempts


def test_an_act_whose_fruit_was_never_seen_is_only_done_again() -> None:
    attempts: AttemptsStatus | None = None
    for number in range(40):
        decision = _decided(COMING, ProvisionerAction(verb="create", name="m"))
        pacing = paced(attempts, "1", 1, decision, START + timedelta(seconds=30 * number))
        assert pacing.trouble is None
        attempts = pacing.attempts


def test_a_provisioner_that_never_acts_leaves_no_record() -> None:
    for outcome in (COMING, Ready((Node(name="m"),))):
        assert paced(None, "1", 1, _decided(outcome), START).attempts is None


@pytest.mark.parametrize("text", ["", "nonsense", "2026-05-01T12:00:00"])
def test_a_record_that_somebody_else_wrote_is_taken_as_far_as_it_can_be_read(text: str) -> None:
    attempts = AttemptsStatus(inputs="1", count=1, asked=["create m"], asked_at=text, losses=9)
    assert paced(attempts, "1", 1, _decided(COMING, ProvisionerAction(verb="x", name="y")), START).trouble is None


DELETE, CREATE = ProvisionerAction(verb="delete", name="m"), ProvisionerAction(verb="create", name="m")
NO_CAPACITY = Failed("capacity", "none in any zone")


@dataclass
class SoldOut:
    """A cloud that takes each order, says 5 s later that it has no machine, and forgets the order 5 s after that."""

    kind: FailureKind = "capacity"
    since: datetime | None = None
    now: datetime = START
    attempts: AttemptsStatus | None = None
    reasons: list[str] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    orders: int = 0

    def run(self, seconds: int) -> None:
        """Make a pass every second."""
        for _ in range(seconds):
            decision = self._decision()
            pacing = paced(self.attempts, "1", 1, decision, self.now)
            trouble = pacing.trouble or pacing.under_way
            self.attempts = pacing.attempts
            if CREATE in decision.actions and pacing.trouble is None:
                self.since, self.orders = self.now, self.orders + 1
            outcome = decision.outcome
            reason = trouble.reason if trouble is not None else getattr(outcome, "reason", "")
            self.messages.append(trouble.message if trouble is not None else "")
            self.reasons += [reason] if self.reasons[-1:] != [reason] else []
            self.now += timedelta(seconds=1)

    def _decision(self) -> ProvisionerDecision:
        age = (self.now - self.since).total_seconds() if self.since is not None else 99.0
        if age < 5.0:
            return _decided(COMING)
        if age < 10.0:
            return _decided(
                Failed(self.kind, "none in any zone", "InsufficientCapacity"), *([DELETE] if age < 6 else [])
            )
        return _decided(COMING, CREATE)


def test_why_it_cannot_be_had_is_named_while_it_rests_and_while_the_next_attempt_is_under_way() -> None:
    cloud = SoldOut()
    cloud.run(200)
    assert cloud.reasons == ["MachinesComing", "InsufficientCapacity"]
    assert any(
        "lost once, the last time with InsufficientCapacity: none in any zone" in text for text in cloud.messages
    )
    assert any(text.startswith("attempt 2 is under way (the machine is coming)") for text in cloud.messages)
    cloud.run(3 * 3600)
    assert cloud.reasons[:3] == ["MachinesComing", "InsufficientCapacity", "CircuitOpen"]
    assert set(cloud.reasons[3:]) <= {"InsufficientCapacity", "CircuitOpen"}
    assert cloud.orders < 20


def test_a_failure_that_passes_by_itself_is_no_reason_to_stay() -> None:
    cloud = SoldOut(kind="transient")
    cloud.run(60)
    assert "BackingOff" in cloud.reasons


def test_the_reason_goes_once_the_machine_is_there() -> None:
    known = AttemptsStatus(inputs="1", count=1, asked=["create m"], losses=2, reason="QuotaExceeded", cause="used up")
    ready = paced(known, "1", 1, _decided(Ready((Node(name="m"),))), START).attempts
    assert ready is not None
    assert ready.reason == ""


def test_a_provisioner_that_paces_itself_tells_the_reason_itself() -> None:
    known = AttemptsStatus(inputs="1", count=1, asked=["create m"], losses=2)
    decision = ProvisionerDecision(outcome=NO_CAPACITY, paced=True)
    attempts = paced(known, "1", 1, decision, START).attempts
    assert attempts is not None
    assert attempts.reason == ""
