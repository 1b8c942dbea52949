"""The mark of a hook's answer, with the types that mypy checks the answer against.

``@hookimpl.check_workspace`` marks a function as the answer to that hook, by any name of the function; mypy
reports a hook that does not exist, parameters of another type and another type of answer. The parameters stand in the
order of the specification, and those that are not needed are left out. ``@hookimpl`` marks a function as the answer to
the hook of its own name, and methods too; mypy then checks nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.errors import Problem
    from llmwright.plugins.hookspecs import Manifest
    from llmwright.values.plan import Plan
    from llmwright.values.preset import Preset

    Files: TypeAlias = Callable[[], Iterable[Traversable]]
    Problems: TypeAlias = Iterable[Problem]
    CheckWorkspace: TypeAlias = (
        Callable[[Workspace], Problems]
        | Callable[[Workspace, Plan | None], Problems]
        | Callable[[Workspace, Preset | None], Problems]
        | Callable[[Workspace, Plan | None, Preset | None], Problems]
        | Callable[[Plan | None], Problems]
        | Callable[[Preset | None], Problems]
        | Callable[[Plan | None, Preset | None], Problems]
    )
    Objects: TypeAlias = tuple[Manifest, ...]
    Manifests: TypeAlias = (
        Callable[[Objects], Iterable[Manifest]]
        | Callable[[Workspace, Objects], Iterable[Manifest]]
        | Callable[[Plan | None, Objects], Iterable[Manifest]]
        | Callable[[Workspace, Plan | None, Objects], Iterable[Manifest]]
    )
    StatusChanged: TypeAlias = (
        Callable[[Workspace], None]
        | Callable[[WorkspaceStatus], None]
        | Callable[[Workspace, WorkspaceStatus], None]
        | Callable[[WorkspaceStatus | None, WorkspaceStatus], None]
        | Callable[[Workspace, WorkspaceStatus | None, WorkspaceStatus], None]
    )

Function = TypeVar("Function", bound=Callable[..., Any])


class Marker(Protocol):
    """As pluggy's ``HookimplMarker``."""

    def __call__(self, *, specname: str | None = None) -> Callable[[Any], Any]: ...


class HookMarker:
    """Marks functions of plugins as answers to hooks."""

    def __init__(self, marker: Marker) -> None:
        self._marker = marker

    def __call__(self, function: Function) -> Function:
        """Mark the answer to the hook of the function's own name."""
        marked: Function = self._marker()(function)
        return marked

    def presets(self, function: Files) -> Files:
        """Mark an answer to ``hookspecs.presets``."""
        return self._named("presets", function)

    def instance_types(self, function: Files) -> Files:
        """Mark an answer to ``hookspecs.instance_types``."""
        return self._named("instance_types", function)

    def check_workspace(self, function: CheckWorkspace) -> Callable[..., Problems]:
        """Mark an answer to ``hookspecs.check_workspace``."""
        return self._named("check_workspace", function)

    def manifests(self, function: Manifests) -> Callable[..., Iterable[Manifest]]:
        """Mark an answer to ``hookspecs.manifests``."""
        return self._named("manifests", function)

    def status_changed(self, function: StatusChanged) -> Callable[..., None]:
        """Mark an answer to ``hookspecs.status_changed``."""
        return self._named("status_changed", function)

    def _named(self, hook: str, function: Function) -> Function:
        marked: Function = self._marker(specname=hook)(function)
        return marked
