"""After tuning: serve the result, or give the nodes back, at once or after ``ttlSecondsAfterFinished``."""

from __future__ import annotations

from datetime import datetime, timedelta

from llmwright.lifecycle.decision import Release, Stop
from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.lifecycle_input import LifecycleInput
from llmwright.lifecycle.tuning import tuned_at
from llmwright.values.nodes import Failed, Ready


def serves(facts: LifecycleInput) -> bool:
    """Whether a server should run now."""
    if facts.plan.serving is None:
        return False
    if facts.workspace.tuning is None:
        return True
    return tuned_at(facts) is not None and not gives_back(facts)


def gives_back(facts: LifecycleInput) -> bool:
    """Whether the nodes of a finished tuning should be released now."""
    finished = tuned_at(facts)
    if finished is None:
        return False
    if facts.plan.serving is None:
        return True
    tuning = facts.workspace.tuning
    choice = (tuning.on_success if tuning else None) or facts.policy.on_success
    return choice == "release" or _expired(facts, finished)


def after_tuning(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Give the nodes back where they are no longer needed, and wake when the time to live ends."""
    finished = tuned_at(facts)
    if finished is None:
        return
    if not gives_back(facts):
        ends = _ends(facts, finished)
        if ends is not None:
            builder.wake((ends - facts.now).total_seconds())
        return
    _released(builder)
    # Stop first, release in a later pass: a node that goes under a running server looks like a crash.
    if facts.observed.serving.active:
        builder.actions.append(Stop("serving"))
        return
    _release(facts, builder)


def _released(builder: DecisionBuilder) -> None:
    builder.conditions.drop("NodesReady", "NodeClaimReady")
    message = "tuning is finished and its nodes are given back"
    builder.conditions.set("ResourceReady", False, "Released", message)
    builder.fields |= {"worker_nodes": [], "cost": None}


def _release(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    decision = facts.observed.release
    if decision is None or isinstance(decision.outcome, Ready):
        return
    if decision.actions:
        builder.actions.append(Release(decision.actions))
    if isinstance(decision.outcome, Failed):
        builder.wake(facts.policy.backoff.pause_s(max(facts.observed.attempts, 1)))
    elif decision.outcome.again_in is not None:
        builder.wake(decision.outcome.again_in)


def _ends(facts: LifecycleInput, finished: datetime) -> datetime | None:
    tuning = facts.workspace.tuning
    seconds = tuning.ttl_seconds_after_finished if tuning else None
    return None if seconds is None else finished + timedelta(seconds=seconds)


def _expired(facts: LifecycleInput, finished: datetime) -> bool:
    ends = _ends(facts, finished)
    return ends is not None and facts.now >= ends
