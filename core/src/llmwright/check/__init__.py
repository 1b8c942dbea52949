"""Admission: what is wrong with a Workspace, all of it at once, before anything is bought.

``check_workspace`` is what the CLI, the webhook and the operator call. It is pure: whatever it must know besides the
Workspace comes in as ``Facts``. Rules are KAITO's (v0.12) for both API versions, and those of LLMwright's own
fields; each is a small function that yields Problems. Reading YAML belongs to ``api``, and whether a model really fits
a machine to ``sizing`` and ``plan``.
"""

from __future__ import annotations

from llmwright.check.admission import check_workspace, refuse
from llmwright.check.facts import Facts, FeatureGates, NodeFacts

__all__ = ["Facts", "FeatureGates", "NodeFacts", "check_workspace", "refuse"]
