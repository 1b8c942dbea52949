"""Nodes that a provisioner calls ready, and on which no pod of the Workspace lands; pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from llmwright.values.nodes import ProvisionerDecision, Ready, Waiting

MOST_NAMED = 5
NOT_LABELLED = "NodeLabelsMissing"


def with_labels_checked(
    decision: ProvisionerDecision, required: Mapping[str, str], find: Callable[[str], Mapping[str, Any] | None]
) -> ProvisionerDecision:
    """Return ``decision``; Waiting where nodes that it calls ready lack one of the labels that their pods ask for.

    Args:
        find: the node of a name, None where there is none.
    """
    if not isinstance(decision.outcome, Ready):
        return decision
    live = ((node.name, find(node.name)) for node in decision.outcome.nodes)
    lacking = {name: missing for name, node in live if node is not None and (missing := _missing(node, required))}
    if not lacking:
        return decision
    named = "; ".join(f"node {name} lacks {', '.join(labels)}" for name, labels in [*lacking.items()][:MOST_NAMED])
    rest = f"; and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
    text = f"{named}{rest}: no pod of the Workspace lands there until its provisioner or somebody else labels it"
    return replace(decision, outcome=Waiting(NOT_LABELLED, text, decision.outcome.again_in))


def _missing(node: Mapping[str, Any], required: Mapping[str, str]) -> list[str]:
    labels = node["metadata"].get("labels") or {}
    return [f"{key}={value}" for key, value in sorted(required.items()) if labels.get(key) != value]
