"""A status that claims a server which is gone."""

from __future__ import annotations

from llmwright.api.status import Condition, WorkspaceStatus
from llmwright.lifecycle.lost_server import without_server


def status(**conditions: str) -> WorkspaceStatus:
    listed = [
        Condition.model_validate({"type": kind, "status": value, "reason": "Was", "last_transition_time": "then"})
        for kind, value in conditions.items()
    ]
    return WorkspaceStatus(state="Ready", endpoint="http://127.0.0.1:1", conditions=listed)


def test_every_claim_that_it_answers_is_withdrawn() -> None:
    after = without_server(status(InferenceReady="True", WorkspaceReady="True", Ready="True", Reconciling="False"))
    told = {condition.type: (condition.status, condition.reason) for condition in after.conditions}
    assert told == dict.fromkeys(("InferenceReady", "WorkspaceReady", "Ready"), ("False", "ServerLost")) | {
        "Reconciling": ("True", "ServerLost")
    }
    assert (after.state, after.endpoint) == ("NotReady", None)


def test_a_tuning_that_serves_nothing_stays_as_it_is() -> None:
    released = status(WorkspaceSucceeded="True", Ready="True")
    assert without_server(released) == released
