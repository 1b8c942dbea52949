"""The name of the base model in requests."""

from __future__ import annotations

from llmwright.api.workspace import Workspace

CREATED_BY_SET = "inferenceset.kaito.sh/created-by"
CREATED_BY_ROLES = "multiroleinference.kaito.sh/created-by"


def served_name(workspace: Workspace, preset: str) -> str:
    """Return the base model's name in requests: that of the InferenceSet which made the Workspace, else the preset's.

    So does KAITO v0.12.
    """
    labels = workspace.metadata.labels
    if labels.get(CREATED_BY_ROLES):
        return preset
    return labels.get(CREATED_BY_SET) or preset
