"""The state directory of this machine's user."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from llmwright.check.kubernetes_names import label_problem
from llmwright.errors import ConfigError
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.values.same_place import SamePlace


class StateDirectory:
    """All Workspaces under one root, by default the user's own place for state.

    ``place`` is how its user reaches this machine, for the commands that messages propose.
    """

    def __init__(self, root: Path | None = None, place: SamePlace | None = None) -> None:
        self.root = (root or default_root()).absolute()
        self._place = place or SamePlace()

    def workspace(self, namespace: str, name: str) -> WorkspaceStore:
        """Return the store of that Workspace, which need not exist.

        Raises:
            ConfigError: one of the two is no name; a path could lead out of the state directory.
        """
        self._check_name("namespace", namespace)
        self._check_name("name", name)
        return WorkspaceStore(self.root, namespace, name, self._place)

    def workspaces(self, namespace: str | None = None) -> Iterator[WorkspaceStore]:
        """Iterate over the Workspaces that exist, whole or damaged, by namespace and name.

        Raises:
            ConfigError: ``namespace`` is no name.
        """
        if namespace is not None:
            self._check_name("namespace", namespace)
        top = self.root / "workspaces"
        for space in [namespace] if namespace is not None else _names(top):
            for name in _names(top / space):
                store = self.workspace(space, name)
                if store.exists:
                    yield store

    def _check_name(self, what: str, name: str) -> None:
        if wrong := label_problem(name):
            listing = self._place.command("get -A")
            raise ConfigError(f"{what} {name!r} {wrong}", hint=f"`{listing}` lists what is there")


def _names(folder: Path) -> list[str]:
    """Return what lies in ``folder`` and has a Workspace's name, sorted; nothing where it is no folder."""
    try:
        return sorted(path.name for path in folder.iterdir() if not label_problem(path.name))
    except OSError:
        return []


def default_root() -> Path:
    """Return the user's own place for state (XDG on Linux)."""
    from platformdirs import user_state_path

    return user_state_path("llmwright", appauthor=False)
