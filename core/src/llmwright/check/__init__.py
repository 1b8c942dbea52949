"""Admission: what is wrong with a Workspace, all of it at once, before anything is bought.

``check_workspace`` is what the CLI, the webhook and the operator call. It is pure: whatever it must know besides the
Workspace comes in as a ``CheckInput``. Rules are KAITO's (v0.12) for both API versions, and those of LLMwright's own
fields; each is a small function that yields Problems. What a driver can do is not decided here: rules ask what it
declares. Reading YAML belongs to ``api``, and whether a model really fits a machine to ``sizing`` and ``plan``.
"""

from __future__ import annotations

from llmwright.check.admission import check_workspace, refuse
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import CatalogueFacts, ClusterFacts, DriverFacts, NodeFacts, PolicyFacts

__all__ = [
    "CatalogueFacts",
    "CheckInput",
    "ClusterFacts",
    "DriverFacts",
    "NodeFacts",
    "PolicyFacts",
    "check_workspace",
    "refuse",
]
