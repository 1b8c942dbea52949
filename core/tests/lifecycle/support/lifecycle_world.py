"""Values for lifecycle tests, and a little world that carries decisions out."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.support.plans import make_plan

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.decision import Decision, Finish, Provision, Release, Start, Stop
from llmwright.lifecycle.observed import Observed, Role, Trouble, Workload, WorkloadPhase
from llmwright.lifecycle.policy import Policy
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import (
    Node,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
)
from llmwright.values.plan import Plan

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)

CREATE = ProvisionerAction(verb="create", name="node-1")
DELETE = ProvisionerAction(verb="delete", name="node-1")
NODES_READY = ProvisionerDecision(outcome=Ready((Node(name="node-1"),)))
NODES_WAIT = ProvisionerDecision(outcome=Waiting("NodeClaimNotReady", "launching", 5.0), actions=(CREATE,))
NODES_GONE = ProvisionerDecision(outcome=Ready(()))
NODES_LEFT = ProvisionerDecision(outcome=Waiting("Releasing", "deleting node-1", 5.0), actions=(DELETE,))


def launch(word: str) -> Launch:
    """A Launch told from others by ``word``."""
    return Launch(main=Process(name="main", argv=("run", word)))


def plan(inputs: str = "1", **roles: Any) -> Plan:
    """A Plan with these Launches."""
    return make_plan(inputs=inputs, **roles)


def tuned_plan(inputs: str = "1", data: str = "data", preflight: bool = True) -> Plan:
    """A Plan that checks, tunes and serves."""
    check = launch(f"check {data}") if preflight else None
    return plan(inputs, preflight=check, tuning=launch(f"tune {data}"), serving=launch("serve adapter"))


def workspace(*, tuned: bool, generation: int = 1, **fields: Any) -> Workspace:
    """A Workspace that tunes or serves."""
    part: dict[str, Any] = {"preset": {"name": "demo"}, **fields}
    if tuned:
        part |= {"method": "lora", "input": {"urls": ["file:///d"]}, "output": {"image": "r/a:1"}}
    body = {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "demo", "generation": generation},
    }
    return Workspace.model_validate({**body, "tuning" if tuned else "inference": part})


def truth(status: WorkspaceStatus) -> dict[str, tuple[str, str]]:
    """Status and reason of each condition."""
    return {found.type: (found.status, found.reason) for found in status.conditions}


@dataclass
class World:
    """Carries out what is decided, one step of progress for each pass; ``nodes`` counts up while they are coming."""

    workspace: Workspace
    plan: Plan
    policy: Policy = field(default_factory=Policy)
    deleting: bool = False
    keeps_finished: bool = False
    image_trouble: Trouble | None = None
    nodes: int = 0
    wanted_nodes: bool = False
    workloads: dict[Role, Workload] = field(default_factory=dict)
    status: WorkspaceStatus | None = None
    now: datetime = NOW
    finished: bool = False
    history: list[Decision] = field(default_factory=list)

    NEEDED = 3

    def observed(self) -> Observed:
        """What a target would find."""
        held = self.nodes >= self.NEEDED
        return Observed(
            deleting=self.deleting,
            provision=NODES_READY if held else replace(NODES_WAIT, actions=() if self.wanted_nodes else (CREATE,)),
            release=NODES_LEFT if self.nodes else NODES_GONE,
            preflight=self.workloads.get("preflight", Workload()),
            tuning=self.workloads.get("tuning", Workload()),
            serving=self.workloads.get("serving", Workload()),
            output="r/a:1",
            keeps_finished=self.keeps_finished,
            image_trouble=self.image_trouble,
        )

    def turn(self) -> Decision:
        """One pass: look, decide, act; then the world moves on."""
        decision = decide(self.workspace, self.plan, self.observed(), self.status, self.now, self.policy)
        self.status = decision.status
        self.history.append(decision)
        self._advance()
        for action in decision.actions:
            self._carry_out(action)
        self.now += timedelta(seconds=10)
        return decision

    def settle(self, passes: int = 40) -> Decision:
        """Pass until nothing changes any more."""
        for _ in range(passes):
            before = (self.status, dict(self.workloads), self.nodes)
            decision = self.turn()
            if self.finished or (before == (self.status, self.workloads, self.nodes) and not decision.actions):
                return decision
        raise AssertionError(f"does not settle: {decision.actions}")

    def fail(self, role: Role, reason: str = "ProcessFailed", message: str = "it broke") -> None:
        """Let that role fail for good."""
        self.workloads[role] = replace(self.workloads[role], phase="failed", reason=reason, message=message)

    def _carry_out(self, action: object) -> None:
        if isinstance(action, Provision):
            self.wanted_nodes, self.nodes = True, max(self.nodes, 1)
        elif isinstance(action, Release):
            self.wanted_nodes, self.nodes = False, 0
        elif isinstance(action, Start):
            self._start(action)
        elif isinstance(action, Stop):
            self.workloads.pop(action.role, None)
        elif isinstance(action, Finish):
            self.finished = True

    def _start(self, order: Start) -> None:
        found = self.workloads.get(order.role)
        if found is not None and found.digest == order.digest:
            self.workloads[order.role] = replace(found, inputs=order.inputs)
            return
        self.workloads[order.role] = Workload(
            phase="pending", digest=order.digest, inputs=order.inputs, since=self.now, endpoint=None
        )

    def _advance(self) -> None:
        if self.wanted_nodes and self.nodes < self.NEEDED:
            self.nodes += 1
        for role, found in self.workloads.items():
            onward: dict[WorkloadPhase, WorkloadPhase] = {
                "pending": "running",
                "running": "ready" if role == "serving" else "succeeded",
            }
            phase = onward.get(found.phase, found.phase)
            if phase != found.phase:
                endpoint = "http://127.0.0.1:5000" if phase == "ready" else None
                self.workloads[role] = replace(found, phase=phase, since=self.now, endpoint=endpoint)
