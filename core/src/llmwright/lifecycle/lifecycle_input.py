"""The input of every phase."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.lifecycle.observed import Observed
from llmwright.lifecycle.policy import Policy
from llmwright.values.plan import Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class LifecycleInput:
    """The arguments of ``decide`` for a Workspace with a plan."""

    workspace: Workspace
    plan: Plan
    observed: Observed
    previous: WorkspaceStatus
    now: datetime
    policy: Policy
