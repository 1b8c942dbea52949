"""Whether what a hook answers can be used: paths of problems, and metadata of objects."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, get_args

from pydantic import BaseModel

from llmwright.api.workspace import Workspace
from llmwright.errors import Problem

PARTS = frozenset({"apiVersion", "kind", "metadata", "resource", "inference", "tuning"})
"""The first words of the paths that a user has written."""

REASON = re.compile(r"[A-Z][A-Za-z0-9]*")
LABEL = re.compile(r"([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?")
KEY = re.compile(r"([a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?/)?[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
"""Values and keys of labels (https://kubernetes.io/docs/concepts/overview/working-with-objects/labels)."""


def problem_faults(problem: Any, workspace: Workspace) -> Iterator[str]:
    """Yield all that makes a Problem of no use to who wrote ``workspace``."""
    if not isinstance(problem, Problem):
        yield f"it yields {type(problem).__name__}, no Problem"
        return
    texts = {name: getattr(problem, name) for name in ("path", "message", "hint", "reason")}
    strange = [name for name, text in texts.items() if not isinstance(text, str)]
    if strange:
        yield f"the {strange[0]} of a Problem is {texts[strange[0]]!r}, no text"
        return
    if not problem.message.strip():
        yield "a Problem without a message"
    first = problem.path.partition(".")[0].partition("[")[0]
    if first not in PARTS:
        yield f"the path {problem.path!r} begins with no field of a Workspace"
    elif first in ("inference", "tuning") and getattr(workspace, first) is None:
        yield f"the path {problem.path!r}, and the Workspace has no {first}"
    elif (unknown := _unknown_field(problem.path)) is not None:
        yield f"the path {problem.path!r}: a Workspace has no {unknown!r} there"
    if problem.severity not in ("error", "warning"):
        yield f"the severity {problem.severity!r} is none"
    if REASON.fullmatch(problem.reason) is None:
        yield f"the reason {problem.reason!r} is no word in CamelCase: it becomes a condition's reason"


def metadata_faults(before: Mapping[str, Any] | None, after: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a cluster refuses of an object, and what it lost of ``before``, which the core made."""
    named = f"{after.get('kind')} {after['metadata'].get('name')}"
    for place, metadata in _metadata(after):
        for field in ("labels", "annotations"):
            for key, value in (metadata.get(field) or {}).items():
                if not isinstance(value, str) or (field == "labels" and LABEL.fullmatch(value) is None):
                    yield f"{named}: the value {value!r} of {place}{field} {key}, which a cluster refuses"
                if KEY.fullmatch(key) is None:
                    yield f"{named}: {place}{field} {key!r}, which a cluster refuses"
    yield from _container_faults(named, after)
    was = dict(_metadata(before)) if before is not None else {}
    now = dict(_metadata(after))
    for place, metadata in was.items():
        left = now.get(place, {})
        for field in ("labels", "annotations"):
            for key in (metadata.get(field) or {}).keys() - (left.get(field) or {}).keys():
                yield f"{named}: {place}{field} {key} is gone"
        if metadata.get("ownerReferences") and left.get("ownerReferences") != metadata["ownerReferences"]:
            yield f"{named}: {place}ownerReferences are changed: it is never deleted with its Workspace"


def _container_faults(named: str, manifest: Mapping[str, Any]) -> Iterator[str]:
    pod = ((manifest.get("spec") or {}).get("template") or {}).get("spec") or {}
    containers = [*(pod.get("initContainers") or ()), *(pod.get("containers") or ())]
    for each in containers:
        if not each.get("name") or not each.get("image"):
            yield f"{named}: a container without name or image, which a cluster refuses: {each}"
    names = [each.get("name") for each in containers]
    if len({*names}) < len(names):
        yield f"{named}: two containers of one name, which a cluster refuses: {', '.join(map(str, names))}"


def _metadata(manifest: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the metadata of an object and of its pods, each with where it is."""
    yield "metadata.", manifest["metadata"]
    template = (manifest.get("spec") or {}).get("template")
    if template:
        yield "spec.template.metadata.", template.get("metadata") or {}


def _unknown_field(path: str) -> str | None:
    """Return the first word of ``path`` that no Workspace has; None where all are fields, or keys of open objects."""
    model: type[BaseModel] | None = Workspace
    for word in re.sub(r"\[[^]]*\]", "", path).split("."):
        if model is None:
            return None
        fields = {field.alias or name: field.annotation for name, field in model.model_fields.items()}
        if word not in fields:
            return word
        model = _model_of(fields[word])
    return None


def _model_of(annotation: Any) -> type[BaseModel] | None:
    """Return the model that a field holds, alone, optional or in a list; None for anything else."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for part in get_args(annotation) if (model := _model_of(part)) is not None), None)
