"""The hooks of template-name. LLMwright calls them for every Workspace; the YAML names none."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.api.workspace import Workspace
from llmwright.errors import Problem
from llmwright.plugins import hookimpl
from llmwright.values.preset import Preset

APPROVED = frozenset({"apache-2.0", "mit"})
"""Licences that need no further approval."""


@hookimpl.check_workspace
def approved_licence(workspace: Workspace, preset: Preset | None) -> Iterator[Problem]:
    """Refuse a preset whose licence is not approved."""
    if preset is None or preset.license.lower() in APPROVED:
        return
    part = "tuning" if workspace.tuning else "inference"
    yield Problem(
        f"{part}.preset.name",
        f"the licence {preset.license!r} of {preset.name} is not approved",
        hint=f"choose a model under {' or '.join(sorted(APPROVED))}",
        reason="LicenceNotApproved",
    )
