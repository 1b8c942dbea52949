"""The state directory of this machine's user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llmwright.targets.local.store.workspace_store import APPLIED, WorkspaceStore


class StateDirectory:
    """All Workspaces under one root, by default the user's own place for state."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = (root or default_root()).absolute()

    def workspace(self, namespace: str, name: str) -> WorkspaceStore:
        """Return the store of that Workspace, which need not exist."""
        return WorkspaceStore(self.root, namespace, name)

    def workspaces(self, namespace: str | None = None) -> Iterator[WorkspaceStore]:
        """Iterate over the Workspaces that exist, by namespace and name."""
        for file in sorted((self.root / "workspaces").glob(f"{namespace or '*'}/*/{APPLIED}")):
            yield self.workspace(file.parent.parent.name, file.parent.name)


def default_root() -> Path:
    """Return the user's own place for state (XDG on Linux)."""
    from platformdirs import user_state_path

    return user_state_path("llmwright", appauthor=False)
