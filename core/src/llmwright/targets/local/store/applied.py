"""What the user asked for, as it is kept beside the Plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.targets.local.options import LocalOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One applied Workspace.

    ``workspace`` is its YAML as a mapping, ``base_directory`` what relative paths in it mean, ``config_files`` the
    text of each config by name and file name. ``generation`` counts the user's applies that change something; applying
    a failed or stopped Workspace again does. ``stopped`` keeps it without running anything until then. ``newer_plan``
    tells that a plan made later from the same inputs differs from the recorded one, ``rollouts`` how often such
    a one was taken. ``secrets`` names the variables with secrets that were set at some apply: nothing that takes
    one of them runs without it from then on, so that a repair from another shell opens no endpoint to everybody.
    """

    workspace: Mapping[str, Any]
    generation: int
    created_at: str
    base_directory: str = "."
    config_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    options: LocalOptions = field(default_factory=LocalOptions)
    deleting: bool = False
    stopped: bool = False
    newer_plan: bool = False
    rollouts: int = 0
    secrets: tuple[str, ...] = ()

    def parsed(self) -> Workspace:
        """The Workspace, with what a cluster would add to its metadata."""
        added = {"generation": self.generation, "creationTimestamp": self.created_at}
        metadata = {**self.workspace.get("metadata", {}), **added}
        return Workspace.model_validate({**self.workspace, "metadata": metadata})
