"""Serving: InferenceReady is said once the endpoint answered, and not before."""

from __future__ import annotations

from llmwright.lifecycle.after_tuning import serves
from llmwright.lifecycle.currency import currency
from llmwright.lifecycle.decision import Stop
from llmwright.lifecycle.draft import Draft, Situation
from llmwright.lifecycle.observed import Workload
from llmwright.lifecycle.tuning import is_tuned
from llmwright.values.launch import Launch

KIND = "InferenceReady"
SUCCESS = ("WorkspaceInferenceStatusSuccess", "Inference has been deployed successfully")
PENDING = ("WorkspaceInferenceStatusPending", "Inference workload is not ready")


def serving(situation: Situation, draft: Draft, clear: bool) -> None:
    """Fill in ``InferenceReady`` and the endpoint; start, roll or stop the server."""
    found, launch = situation.observed.serving, situation.plan.serving
    if launch is None or not serves(situation):
        _unwanted(situation, draft, launch, found)
        return
    state = currency(found, launch, situation.plan.inputs)
    if state == "superseded":
        draft.superseded.append("serving")
    if clear and _acts(situation, found, state):
        draft.start("serving", launch, situation.plan.inputs, replaces=state == "outdated")
    _report(situation, draft, found)
    if state == "outdated":
        draft.wait(*PENDING)


def _acts(situation: Situation, found: Workload, state: str) -> bool:
    """Whether a start is due: nothing is there, the user changed it, or only the record of what was accepted is old."""
    return state in ("absent", "outdated") or (state == "current" and found.inputs != situation.plan.inputs)


def _unwanted(situation: Situation, draft: Draft, launch: Launch | None, found: Workload) -> None:
    """No server is due: one of an earlier result answers until its node is needed, any other ends."""
    if found.active:
        if launch is None and Stop("serving") not in draft.actions:
            draft.actions.append(Stop("serving"))
        return
    draft.fields |= {"endpoint": None, "served_names": []}
    if launch is None or situation.previous.condition(KIND) is None:
        draft.conditions.drop(KIND)
    elif is_tuned(situation):
        draft.conditions.set(KIND, False, "ServingEnded", "the server was stopped after its time to live")
    else:
        draft.conditions.set(KIND, False, *PENDING)


def _report(situation: Situation, draft: Draft, found: Workload) -> None:
    names = list(situation.plan.served_names)
    if found.phase == "ready":
        draft.conditions.set(KIND, True, *SUCCESS)
        draft.fields |= {"endpoint": found.endpoint, "served_names": names}
        return
    reason, message = found.reason or PENDING[0], found.message or PENDING[1]
    draft.conditions.set(KIND, False, reason, message)
    draft.fields |= {"endpoint": None, "served_names": names}
    if found.phase == "failed":
        draft.stall(reason, message)
    draft.wait(reason, message)
