"""The hooks: what anyone may answer. A module with these functions, marked ``@hookimpl``, is a plugin.

Specifications carry no pluggy decorator, so that this module loads without pluggy; the registry takes every public
function here for one. A package of YAML files without any Python answers ``presets`` and ``instance_types`` by its
files (``datapack``).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.resources.abc import Traversable
from typing import Any

from llmwright.errors import Problem


def presets() -> Iterable[Traversable]:  # type: ignore[empty-body]
    """YAML files of model presets that this plugin brings."""


def instance_types() -> Iterable[Traversable]:  # type: ignore[empty-body]
    """YAML files of instance types that this plugin brings."""


def check_workspace(workspace: Any, plan: Any, preset: Any) -> Iterable[Problem]:  # type: ignore[empty-body]
    """Further problems of a Workspace, errors or warnings; pure.

    ``plan`` and ``preset`` (a ``values.preset.Preset``, with its licence) are None where there is none. An answer may
    leave out parameters that it does not need.
    """


def manifests(workspace: Any, plan: Any, objects: Any) -> Iterable[Mapping[str, Any]]:  # type: ignore[empty-body]
    """All Kubernetes objects of one role to apply, in place of ``objects``; pure, and the last look at them.

    Each plugin is handed what the one before returned; None or nothing leaves it as it is. ``plan`` is None for a
    template. The workload itself must stay. What is added may be of any kind that lies in a
    namespace; it belongs to the Workspace, and goes with its role.
    """


def status_changed(workspace: Any, old: Any, new: Any) -> None:
    """Told after a Workspace's status was written; ``old`` is None the first time. What it raises is logged."""
