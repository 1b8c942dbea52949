"""The hooks: what anyone may answer. A module with such functions, marked with ``hookimpl``, is a plugin.

Specifications carry no pluggy decorator, so that this module loads without pluggy; the registry takes every public
function here for one. A package of YAML files without any Python answers ``presets`` and ``instance_types`` by its
files (``datapack``). An answer may leave out parameters that it does not need.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from typing import TYPE_CHECKING, Any, TypeAlias

from llmwright.errors import Problem

if TYPE_CHECKING:
    from llmwright.api.status import WorkspaceStatus
    from llmwright.api.workspace import Workspace
    from llmwright.values.plan import Plan
    from llmwright.values.preset import Preset

Manifest: TypeAlias = Mapping[str, Any]
"""A Kubernetes object as plain data."""


def presets() -> Iterable[Traversable]:  # type: ignore[empty-body]
    """YAML files of model presets that this plugin brings."""


def instance_types() -> Iterable[Traversable]:  # type: ignore[empty-body]
    """YAML files of instance types that this plugin brings."""


def check_workspace(workspace: Workspace, plan: Plan | None, preset: Preset | None) -> Iterable[Problem]:  # type: ignore[empty-body]
    """Further problems of a Workspace, errors or warnings; pure.

    It is asked first without a plan, and again once there is one, before anything is bought: with machine, runtime and
    cost. Its words of before are not shown twice; a plan on record is not judged again. ``preset``, with its licence,
    is None for a template and for a model that nobody knows.
    """


def manifests(workspace: Workspace, plan: Plan | None, objects: tuple[Manifest, ...]) -> Iterable[Manifest]:  # type: ignore[empty-body]
    """All Kubernetes objects of one role to apply, in place of ``objects``; pure, and the last look at them.

    Each plugin gets what the one before returned; None or nothing leaves it as it is. ``plan`` is None for a
    template. The workload itself must stay. What is added may be of any kind that is namespaced; it belongs to the
    Workspace, and is deleted with its role.
    """


def status_changed(workspace: Workspace, old: WorkspaceStatus | None, new: WorkspaceStatus) -> None:
    """Called after a Workspace's status was written; ``old`` is None the first time. What it raises is logged."""
