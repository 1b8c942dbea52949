"""Resource: nodes are there, are coming, or will not come."""

from __future__ import annotations

from datetime import timedelta

from llmwright.api.status import Cost, ProvisionerStatus
from llmwright.lifecycle.after_tuning import gives_back
from llmwright.lifecycle.decision import Provision
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.lifecycle.observed import Trouble
from llmwright.values.nodes import Failed, Node, Outcome, ProvisionerDecision, Ready

NOT_READY = Trouble("NodeNotReady", "Not enough Nodes are ready")
REASONS = {"quota": "QuotaExceeded", "capacity": "InsufficientCapacity", "auth": "AuthorizationFailed"} | {
    "invalid": "InvalidRequest",
    "retired": "InstanceTypeRetired",
    "transient": "ProvisioningFailed",
}


def resource(situation: Situation, draft: Draft, clear: bool) -> bool:
    """Fill in the node conditions, ask for nodes where ``clear``; True where workloads may start."""
    if gives_back(situation):
        return False
    decision, trouble = situation.observed.provision, situation.observed.provisioner_trouble
    if decision is None:
        _without_driver(situation, draft, trouble)
        return False
    if trouble is not None and not isinstance(decision.outcome, Ready):
        _refused(situation, draft, decision, trouble, clear)
        return False
    if clear:
        _ask(situation, draft, decision)
    return _state(situation, draft, decision.outcome) and clear


def _without_driver(situation: Situation, draft: Draft, trouble: Trouble | None) -> None:
    _not_ready(draft, trouble or NOT_READY, claims=None)
    if trouble is not None:
        draft.stall(trouble.reason, trouble.message)
    draft.wake(situation.policy.backoff.most_s)


def _refused(situation: Situation, draft: Draft, decision: ProvisionerDecision, trouble: Trouble, clear: bool) -> None:
    """The last act was refused: it is tried again once the wait is over."""
    _not_ready(draft, trouble, situation.observed.claims, root=True)
    if clear and retry_due(situation) and decision.actions:
        draft.actions.append(Provision(decision.actions))
    draft.wake(_rest(situation) or situation.policy.backoff.first_s)


def retry_due(situation: Situation) -> bool:
    """Whether the wait after the last transient failure is over."""
    return _rest(situation) <= 0


def _rest(situation: Situation) -> float:
    """Seconds until the provisioner may be asked to act again; 0 where nothing failed."""
    observed = situation.observed
    if observed.failed_at is None:
        return 0.0
    due = observed.failed_at + timedelta(seconds=situation.policy.backoff.pause_s(max(observed.attempts, 1)))
    return max((due - situation.now).total_seconds(), 0.0)


def _ask(situation: Situation, draft: Draft, decision: ProvisionerDecision) -> None:
    draft.fields["provisioner"] = ProvisionerStatus(state=dict(decision.state)) if decision.state else None
    transient = isinstance(decision.outcome, Failed) and decision.outcome.kind == "transient"
    if transient and not retry_due(situation):
        draft.wake(_rest(situation))
        return
    if decision.actions:
        draft.actions.append(Provision(decision.actions))


def _state(situation: Situation, draft: Draft, outcome: Outcome) -> bool:
    claims = situation.observed.claims
    if isinstance(outcome, Ready) and (claims is None or isinstance(claims, Ready)):
        _ready(situation, draft, outcome.nodes)
        return True
    if isinstance(outcome, Failed):
        _failed(situation, draft, outcome)
        return False
    if isinstance(outcome, Ready):
        _not_ready(draft, NOT_READY, claims)
        return False
    _not_ready(draft, Trouble(outcome.reason, outcome.message), claims)
    if outcome.again_in is not None:
        draft.wake(outcome.again_in)
    return False


def _ready(situation: Situation, draft: Draft, nodes: tuple[Node, ...]) -> None:
    draft.fields["worker_nodes"] = sorted(node.name for node in nodes)
    cost = situation.plan.cost
    draft.fields["cost"] = Cost(usd_per_hour=cost.usd_per_hour, note=cost.note) if cost else None
    draft.conditions.set("NodesReady", True, "NodesReady", "Enough Nodes are ready" + _pressure(nodes))
    if situation.observed.claims is None:
        draft.conditions.drop("NodeClaimReady")
    else:
        draft.conditions.set("NodeClaimReady", True, "NodeClaimsReady", "Enough NodeClaims are ready")
    draft.conditions.set("ResourceReady", True, "workspaceResourceStatusSuccess", "workspace resource is ready")


def _pressure(nodes: tuple[Node, ...]) -> str:
    pressed = [f"{node.name} ({', '.join(node.pressure)})" for node in nodes if node.pressure]
    return f"; warning: worker node(s) under resource pressure: {', '.join(pressed)}" if pressed else ""


def _failed(situation: Situation, draft: Draft, outcome: Failed) -> None:
    trouble = Trouble(outcome.reason or REASONS[outcome.kind], outcome.message)
    _not_ready(draft, trouble, situation.observed.claims, root=True)
    if outcome.kind == "transient":
        draft.wake(max(_rest(situation), situation.policy.backoff.first_s))
        return
    draft.stall(trouble.reason, trouble.message)
    draft.wake(situation.policy.backoff.most_s)


def _not_ready(draft: Draft, trouble: Trouble, claims: Outcome | None, *, root: bool = False) -> None:
    """Say why nodes are not there; where ``trouble`` is the ``root`` cause, NodeClaims' own words do not hide it."""
    draft.conditions.set("NodesReady", False, trouble.reason, trouble.message)
    if claims is None:
        draft.conditions.drop("NodeClaimReady")
    else:
        told = _claims(draft, claims)
        trouble = trouble if root or told is None else told
    draft.conditions.set("ResourceReady", False, trouble.reason, trouble.message)
    draft.wait(trouble.reason, trouble.message)


def _claims(draft: Draft, claims: Outcome) -> Trouble | None:
    if isinstance(claims, Ready):
        draft.conditions.set("NodeClaimReady", True, "NodeClaimsReady", "Enough NodeClaims are ready")
        return None
    trouble = Trouble(claims.reason or "NodeClaimNotReady", claims.message or "Ready NodeClaims are not enough")
    draft.conditions.set("NodeClaimReady", False, trouble.reason, trouble.message)
    return trouble
