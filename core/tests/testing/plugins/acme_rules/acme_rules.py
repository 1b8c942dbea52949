"""Acme's rules: only licences our lawyers have read, a label for who pays, and a record of every change of state."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import Problem
from llmwright.plugins import hookimpl
from llmwright.plugins.hookspecs import Manifest
from llmwright.values.preset import Preset

APPROVED = frozenset({"apache-2.0", "mit"})
"""Licences that may be used without asking."""

COST_CENTRE = "acme.example/cost-centre"
SEEN: list[int] = []


@hookimpl.check_workspace
def check_workspace(workspace: Workspace, preset: Preset | None) -> Iterator[Problem]:
    """Refuse a preset whose licence is not approved, unless the Workspace carries Acme's approval."""
    if preset is None or preset.license.lower() in APPROVED:
        return
    if workspace.metadata.annotations.get("acme.example/licence-approved") == preset.license:
        return
    part = "tuning" if workspace.tuning else "inference"
    yield Problem(
        f"{part}.preset.name",
        f"the licence {preset.license!r} of {preset.name} is not approved at Acme",
        hint=f"choose a model under {' or '.join(sorted(APPROVED))}, or ask licences@acme.example",
        reason="LicenceNotApproved",
    )


@hookimpl.manifests
def manifests(workspace: Workspace, objects: tuple[Manifest, ...]) -> Iterator[Manifest]:
    """Label each object with who pays for it: the Workspace's annotation, else its namespace."""
    centre = workspace.metadata.annotations.get(COST_CENTRE, workspace.namespace)
    for manifest in objects:
        about = manifest["metadata"]
        yield {**manifest, "metadata": {**about, "labels": {**about.get("labels", {}), COST_CENTRE: centre}}}


@hookimpl.status_changed
def status_changed(workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
    """Append every change of state to the file that ``ACME_RECORD`` names."""
    path = os.environ.get("ACME_RECORD", "record.jsonl")
    if old is not None and old.state == new.state:
        return
    line = {"workspace": workspace.name, "from": old.state if old else None, "to": new.state}
    with Path(path).open("a", encoding="utf-8") as record:
        record.write(json.dumps(line) + "\n")
