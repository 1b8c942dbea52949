"""After tuning: the result is served, or the nodes go back, at once or after a time."""

from __future__ import annotations

from datetime import datetime, timedelta

from llmwright.lifecycle.decision import Release, Stop
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.lifecycle.tuning import tuned_at
from llmwright.values.nodes import Failed, Ready


def serves(situation: Situation) -> bool:
    """Whether a server is wanted now."""
    if situation.plan.serving is None:
        return False
    if situation.workspace.tuning is None:
        return True
    return tuned_at(situation) is not None and not gives_back(situation)


def gives_back(situation: Situation) -> bool:
    """Whether the nodes of a finished tuning are to be released now."""
    finished = tuned_at(situation)
    if finished is None:
        return False
    tuning = situation.workspace.tuning
    wish = (tuning.on_success if tuning else None) or situation.policy.on_success
    return wish == "release" or _expired(situation, finished)


def after_tuning(situation: Situation, draft: Draft) -> None:
    """Give nodes back where that is wanted, and look again when the time to live ends."""
    finished = tuned_at(situation)
    if finished is None:
        return
    if not gives_back(situation):
        ends = _ends(situation, finished)
        if ends is not None:
            draft.wake((ends - situation.now).total_seconds())
        return
    _released(draft)
    if situation.observed.serving.active:
        draft.actions.append(Stop("serving"))
        return
    _release(situation, draft)


def _released(draft: Draft) -> None:
    draft.conditions.drop("NodesReady", "NodeClaimReady")
    message = "tuning is finished and its nodes are given back"
    draft.conditions.set("ResourceReady", False, "Released", message)
    draft.fields |= {"worker_nodes": [], "cost": None}


def _release(situation: Situation, draft: Draft) -> None:
    decision = situation.observed.release
    if decision is None or isinstance(decision.outcome, Ready):
        return
    if decision.actions:
        draft.actions.append(Release(decision.actions))
    if isinstance(decision.outcome, Failed):
        draft.wake(situation.policy.backoff.pause_s(max(situation.observed.attempts, 1)))
    elif decision.outcome.again_in is not None:
        draft.wake(decision.outcome.again_in)


def _ends(situation: Situation, finished: datetime) -> datetime | None:
    tuning = situation.workspace.tuning
    seconds = tuning.ttl_seconds_after_finished if tuning else None
    return None if seconds is None else finished + timedelta(seconds=seconds)


def _expired(situation: Situation, finished: datetime) -> bool:
    ends = _ends(situation, finished)
    return ends is not None and situation.now >= ends
