"""``workspace.json``: what the user wants, as commands record it beside the Plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmwright.api.workspace import Workspace
from llmwright.targets.local.options import LocalOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedWorkspace:
    """One applied Workspace.

    * ``workspace``: its YAML as a mapping.
    * ``generation``: counts the applies that change something; to apply a failed or stopped Workspace again does.
    * ``created_at``: RFC 3339.
    * ``base_directory``: where relative paths of the YAML start.
    * ``config_files``: the text of each config, by its name and then by file name.
    * ``deleting``: the user wants it gone.
    * ``stopped``: the user wants nothing of it to run until the next apply.
    * ``newer_plan``: a plan made later from the same inputs differs from the recorded one.
    * ``rollouts``: how often the user took such a newer plan.
    * ``secrets``: the variables with secrets that were set at any apply so far. A process that takes one of them does
      not start without it, so that a repair from another shell never opens an endpoint without its key.
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
        """Return the Workspace with the metadata that a cluster would add."""
        added = {"generation": self.generation, "creationTimestamp": self.created_at}
        metadata = self.workspace.get("metadata", {})
        if isinstance(metadata, Mapping):
            metadata = {**metadata, **added}
        return Workspace.model_validate({**self.workspace, "metadata": metadata})
