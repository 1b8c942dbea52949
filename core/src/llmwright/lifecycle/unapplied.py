"""Changes that are not carried out: each is named, and what was recorded goes on."""

from __future__ import annotations

from llmwright.lifecycle.decision_builder import DecisionBuilder
from llmwright.lifecycle.lifecycle_input import LifecycleInput

KIND = "ChangeNotApplied"
EDITED = "Immutable"
NEW_DEFAULT = "NewDefault"
"""The settings have another default now. The user asked for nothing else, so the Workspace is as it was asked for."""


def unapplied(facts: LifecycleInput, builder: DecisionBuilder) -> None:
    """Fill in ``ChangeNotApplied``. A change by the user keeps Ready from being said, once nothing else does."""
    changes = facts.observed.unapplied
    if not changes:
        builder.conditions.drop(KIND)
        return
    edits = [change for change in changes if not change.by_settings]
    listed = "; ".join(map(str, edits or changes))
    if not edits:
        builder.conditions.set(KIND, True, NEW_DEFAULT, f"not applied: {listed}. A new Workspace gets the new default")
        return
    message = f"not applied: {listed}. Put it back, or delete the Workspace and make a new one"
    builder.conditions.set(KIND, True, EDITED, message)
    # What is under way goes on, and is what a user waits for.
    if builder.waiting is None:
        builder.stall(EDITED, message)
