"""Resource: the nodes are ready, are expected, or cannot be had."""

from __future__ import annotations

from datetime import timedelta

from llmwright.api.status import CostStatus, ProvisionerStatus
from llmwright.lifecycle.after_tuning import gives_back
from llmwright.lifecycle.decision import Provision
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.fallback import falls_back, with_tried
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.losses import BACKING_OFF, paced
from llmwright.lifecycle.node_conditions import NOT_READY, REASONS, not_ready
from llmwright.lifecycle.observed import Trouble
from llmwright.values.nodes import Failed, Node, Outcome, ProvisionerDecision, Ready, Waiting

RESOURCE_READY = ("workspaceResourceStatusSuccess", "workspace resource is ready")
FINAL = frozenset(REASONS.values()) - {REASONS["transient"]}
"""Reasons of refused acts after which somebody has to do something; they are tried again all the same, more rarely."""


def resource(facts: LifecycleInput, builder: DecisionBuilder, clear: bool) -> bool:
    """Fill in the conditions of the nodes, and ask for nodes where ``clear``. Return True where workloads may start."""
    if gives_back(facts):
        return False
    if facts.plan.nodes.count and falls_back(facts, builder):
        return False
    facts = with_tried(facts, builder)
    decision, trouble = facts.observed.provision, facts.observed.provisioner_trouble
    if decision is None:
        return _unasked(facts, builder, trouble) and clear
    if facts.plan.nodes.count == 0 and not isinstance(decision.outcome, Ready):
        _given_back(facts, builder, decision)
        return True
    if clear and facts.observed.no_nodes is not None:
        _held(facts, builder, decision, facts.observed.no_nodes)
        return False
    if trouble is not None and not isinstance(decision.outcome, Ready):
        _refused(facts, builder, decision, trouble, clear)
        return False
    if clear and not _ask(facts, builder, decision):
        return False
    return _state(facts, builder, decision.outcome) and clear


def _given_back(facts: LifecycleInput, builder: DecisionBuilder, decision: ProvisionerDecision) -> None:
    """No replica is asked for: nothing is missing while the nodes are going."""
    _act(builder, decision, ProvisionerStatus(), due=retry_due(facts))
    _ready(facts, builder, ())
    outcome = decision.outcome
    if isinstance(outcome, Failed):
        builder.end(outcome.reason or REASONS[outcome.kind], outcome.message)
        builder.wake(max(_rest(facts), facts.policy.backoff.first_s))
    elif isinstance(outcome, Waiting):
        builder.end(outcome.reason, outcome.message)
        builder.wake(outcome.again_in or _rest(facts) or facts.policy.backoff.first_s)


def _held(facts: LifecycleInput, builder: DecisionBuilder, decision: ProvisionerDecision, trouble: Trouble) -> None:
    """No node is asked for while the pod that it is for would be refused: it would be paid, and stand idle.

    Nor is the pod made on nodes that are there.
    """
    _act(builder, decision, facts.previous.provisioner or ProvisionerStatus(), due=False)
    claims, outcome = facts.observed.claims, decision.outcome
    if isinstance(outcome, Ready) and (claims is None or isinstance(claims, Ready)):
        _ready(facts, builder, outcome.nodes)
        builder.conditions.set("ResourceReady", False, trouble.reason, trouble.message)
        builder.wait(trouble.reason, trouble.message)
    else:
        not_ready(builder, trouble, claims, root=True)
    if not facts.observed.no_nodes_yet:
        builder.stall(trouble.reason, trouble.message)


def _unasked(facts: LifecycleInput, builder: DecisionBuilder, trouble: Trouble | None) -> bool:
    """The provisioner cannot be asked: nodes that were ready stand by what is known. Return whether they do."""
    observed = facts.observed
    counted = observed.driver_faults or (observed.attempts if observed.transient else 0)
    builder.wake(max(_rest(facts, counted), 1.0) if counted else facts.policy.backoff.most_s)
    if trouble is not None and _were_ready(facts):
        builder.conditions.set(
            "NodesReady", True, "NodesReady", f"Enough Nodes are ready, as last seen; {trouble.message}"
        )
        builder.conditions.set("ResourceReady", True, *RESOURCE_READY)
        return True
    not_ready(builder, trouble or NOT_READY, claims=None)
    if trouble is not None and not observed.transient:
        builder.stall(trouble.reason, trouble.message)
    return False


def _were_ready(facts: LifecycleInput) -> bool:
    """Whether the status says that the nodes of this very plan are there."""
    known, plan = facts.previous, facts.plan
    ready = known.condition("ResourceReady")
    same = known.plan is not None and known.plan.inputs == plan.inputs and known.target_node_count == plan.nodes.count
    return same and ready is not None and ready.status == "True"


def _refused(
    facts: LifecycleInput, builder: DecisionBuilder, decision: ProvisionerDecision, trouble: Trouble, clear: bool
) -> None:
    """The last action was refused: try it again once the pause is over."""
    not_ready(builder, trouble, facts.observed.claims, root=True)
    if trouble.reason in FINAL:
        builder.stall(trouble.reason, trouble.message)
    if clear:
        _act(builder, decision, facts.previous.provisioner or ProvisionerStatus(), due=retry_due(facts))
    builder.wake(_rest(facts) or facts.policy.backoff.first_s)


def retry_due(facts: LifecycleInput) -> bool:
    """Whether the pause after the last transient failure is over."""
    return _rest(facts) <= 0


def _rest(facts: LifecycleInput, failures: int | None = None) -> float:
    """Seconds until the provisioner may be asked to act again; 0 where nothing failed."""
    observed = facts.observed
    if observed.failed_at is None:
        return 0.0
    count = max(observed.attempts if failures is None else failures, 1)
    due = observed.failed_at + timedelta(seconds=facts.policy.backoff.pause_s(count))
    return max((due - facts.now).total_seconds(), 0.0)


def _ask(facts: LifecycleInput, builder: DecisionBuilder, decision: ProvisionerDecision) -> bool:
    """Have the provisioner act; return False where that rests, because machines were lost again and again."""
    record = facts.previous.provisioner or ProvisionerStatus()
    transient = isinstance(decision.outcome, Failed) and decision.outcome.kind == "transient"
    due = not transient or retry_due(facts)
    if not due or facts.observed.attempts:
        # Refused acts are no lost machines: they have a pause of their own.
        _act(builder, decision, record, due=due)
        if not due:
            builder.wake(_rest(facts))
        return True
    pacing = paced(record.attempts, facts.plan.inputs, facts.plan.nodes.count, decision, facts.now)
    _act(builder, decision, record.model_copy(update={"attempts": pacing.attempts}), due=pacing.trouble is None)
    trouble = pacing.trouble or pacing.under_way
    if trouble is None:
        return True
    again_in = pacing.rest_s if pacing.trouble is not None else getattr(decision.outcome, "again_in", None)
    if again_in is not None:
        builder.wake(again_in)
    not_ready(builder, trouble, facts.observed.claims, root=True)
    if trouble.reason != BACKING_OFF:
        builder.stall(trouble.reason, trouble.message)
    return False


def _act(builder: DecisionBuilder, decision: ProvisionerDecision, record: ProvisionerStatus, *, due: bool) -> None:
    """Carry out the provisioner's actions where they are ``due``, and keep what it remembers of them."""
    state = dict(decision.state)
    if decision.actions and not due:
        # Its state names what these actions ask for. Recorded without them, it would wait for what nobody asked for.
        state = record.state
    kept = record.model_copy(update={"state": state})
    builder.fields["provisioner"] = kept if kept != ProvisionerStatus() else None
    if decision.actions and due:
        builder.actions.append(Provision(decision.actions))


def _state(facts: LifecycleInput, builder: DecisionBuilder, outcome: Outcome) -> bool:
    claims = facts.observed.claims
    if not isinstance(outcome, Failed) and outcome.again_in is not None:
        builder.wake(outcome.again_in)
    if isinstance(outcome, Ready) and (claims is None or isinstance(claims, Ready)):
        _ready(facts, builder, outcome.nodes)
        return True
    if isinstance(outcome, Failed):
        _failed(facts, builder, outcome)
        return False
    trouble = NOT_READY if isinstance(outcome, Ready) else Trouble(outcome.reason, outcome.message)
    builder.expected.add(trouble.reason)
    if isinstance(claims, Waiting):
        builder.expected.add(claims.reason)
    not_ready(builder, trouble, claims)
    return False


def _ready(facts: LifecycleInput, builder: DecisionBuilder, nodes: tuple[Node, ...]) -> None:
    builder.fields["worker_nodes"] = sorted(node.name for node in nodes)
    if len(nodes) > facts.plan.nodes.count:
        builder.end("ScalingDown", f"{len(nodes)} nodes become {facts.plan.nodes.count}")
    cost = facts.plan.cost
    builder.fields["cost"] = CostStatus(usd_per_hour=cost.usd_per_hour, note=cost.note) if cost else None
    message = f"Enough Nodes are ready{_pressure(nodes)}{_retirement(facts)}"
    builder.conditions.set("NodesReady", True, "NodesReady", message)
    if facts.observed.claims is None:
        builder.conditions.drop("NodeClaimReady")
    else:
        builder.conditions.set("NodeClaimReady", True, "NodeClaimsReady", "Enough NodeClaims are ready")
    builder.conditions.set("ResourceReady", True, *RESOURCE_READY)


def _pressure(nodes: tuple[Node, ...]) -> str:
    pressed = [f"{node.name} ({', '.join(node.pressure)})" for node in nodes if node.pressure]
    return f"; warning: worker node(s) under resource pressure: {', '.join(pressed)}" if pressed else ""


def _retirement(facts: LifecycleInput) -> str:
    """Return a warning where the cloud gives out the type of the nodes no more: lost ones may not be had again."""
    machine = facts.plan.nodes.instance_type
    if machine is None or not machine.retired:
        return ""
    successor = f"; its successor is {machine.successor}" if machine.successor else ""
    return f"; warning: {machine.retirement}{successor}"


def _failed(facts: LifecycleInput, builder: DecisionBuilder, outcome: Failed) -> None:
    trouble = Trouble(outcome.reason or REASONS[outcome.kind], outcome.message)
    not_ready(builder, trouble, facts.observed.claims, root=True)
    if outcome.kind == "transient":
        builder.wake(max(_rest(facts), facts.policy.backoff.first_s))
        return
    builder.stall(trouble.reason, trouble.message)
    longest = facts.policy.backoff.most_s
    builder.wake(longest if outcome.again_in is None else min(outcome.again_in, longest))
