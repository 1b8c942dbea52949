"""From a Document's data to a Workspace, or to the Problems of all its fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pydantic import ValidationError

from llmwright.api.document import Document
from llmwright.api.field_errors import field_problems, named
from llmwright.api.versions import absent_fields
from llmwright.api.workspace import OPEN_FIELDS, Workspace
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.yaml_paths import render_path

SCALARS = (str, int, float)
"""The types of most values. They are returned first: the check for a mapping would take most of the time."""


def validate_workspace(document: Document) -> Workspace:
    """As ``llmwright.api.document.parse_workspace``."""
    data = document.data
    if not isinstance(data, Mapping):
        problem = Problem("", f"a Workspace is a mapping, this is {named(data)}", hint="see `llmwright init tune`")
        raise InvalidWorkspace(document.place([problem]), source=document.source)
    problems = [_absent(path) for path in absent_fields(data)]
    workspace = None
    try:
        workspace = Workspace.model_validate(_without_nulls(data))
    except ValidationError as error:
        problems += [_without_spec(problem) for problem in field_problems(error, Workspace)]
    if problems or workspace is None:
        raise InvalidWorkspace(document.place(problems), source=document.source)
    return workspace


def _absent(path: tuple[str, ...]) -> Problem:
    hint = "write apiVersion: kaito.sh/v1beta1"
    return Problem(render_path(path), "kaito.sh/v1alpha1 has no such field", hint, reason="UnknownField")


def _without_nulls(data: Any) -> Any:
    """Return ``data`` without keys whose value is null: null means the same as no key."""
    if isinstance(data, SCALARS):
        return data
    if isinstance(data, Mapping):
        return {
            key: value if key in OPEN_FIELDS else _without_nulls(value)
            for key, value in data.items()
            if value is not None
        }
    return [_without_nulls(item) for item in data] if isinstance(data, list) else data


def _without_spec(problem: Problem) -> Problem:
    if not problem.path.startswith("spec.") or problem.path.startswith("spec.replicas"):
        return problem
    return replace(problem, hint="a Workspace has no spec but replicas: write the other fields at the top level")
