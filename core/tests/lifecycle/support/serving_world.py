"""A served Workspace as it is observed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from core.tests.lifecycle.support.lifecycle_world import (
    NODES_GONE,
    NODES_READY,
    NOW,
    launch,
    plan,
    workspace,
)

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.decide import decide
from llmwright.lifecycle.observed import Observed, Workload

SERVE = launch("serve")


SERVES = plan(serving=SERVE)


HELD = Observed(provision=NODES_READY, release=NODES_GONE)


def found(phase: Any, of: Any = SERVE, inputs: str = "1", **more: Any) -> Workload:
    """A workload of that Launch in that phase."""
    return Workload(phase=phase, digest=of.digest, inputs=inputs, since=NOW, **more)


def serving_status(workload: Workload, previous: WorkspaceStatus | None = None) -> WorkspaceStatus:
    """The status of a Workspace that serves, with its server as given."""
    return decide(workspace(tuned=False), SERVES, replace(HELD, serving=workload), previous, NOW).status
