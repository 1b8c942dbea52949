"""Admission: find everything that is wrong with a Workspace at once, before anything is bought.

``check_workspace`` is what the CLI, the webhook and the operator call. It is pure: all it knows comes in as a
``CheckInput``. Rules are KAITO's (v0.12) for both API versions, and those of LLMwright's own
fields; each is a small function that yields Problems. Rules ask what a driver declares, and never
its name. Reading YAML belongs to ``api``, and whether a model really fits a machine to ``sizing`` and ``plan``.
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
