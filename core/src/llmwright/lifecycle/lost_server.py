"""The status of a Workspace whose server is gone, and with it the supervisor that would say so. Pure."""

from __future__ import annotations

from llmwright.api.status import Condition, WorkspaceStatus

REASON = "ServerLost"
MESSAGE = "the server does not run, and nothing has written a status since"
CLAIMS = ("InferenceReady", "WorkspaceReady", "Ready")


def without_server(status: WorkspaceStatus) -> WorkspaceStatus:
    """Return ``status`` without the claim that a server answers; as it is where it claims none.

    Times stay as they were written: only the supervisor knows when it happened.
    """
    served = status.condition("InferenceReady")
    if served is None or served.status != "True":
        return status
    return status.model_copy(
        update={
            "conditions": [_withdrawn(condition) for condition in status.conditions],
            "endpoint": None,
            "state": "NotReady" if status.state == "Ready" else status.state,
        }
    )


def _withdrawn(condition: Condition) -> Condition:
    if condition.type not in ("Reconciling", *CLAIMS):
        return condition
    status = "True" if condition.type == "Reconciling" else "False"
    return condition.model_copy(update={"status": status, "reason": REASON, "message": MESSAGE})
