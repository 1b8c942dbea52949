"""A Document's data as a Workspace, or every reason why it is none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from modelwright.api.document import Document
from modelwright.api.paths import render_path
from modelwright.api.versions import absent_fields
from modelwright.api.workspace import OPEN_FIELDS, Workspace
from modelwright.errors import InvalidWorkspace, Problem

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "mapping_type": "a mapping",
}
_HINTS = {"list_type": "begin each item on a line of its own with '- '"}


def validate_workspace(document: Document) -> Workspace:
    """As ``modelwright.api.document.parse_workspace``."""
    data = document.data
    if not isinstance(data, Mapping):
        problem = Problem("", f"a Workspace is a mapping, this is {_named(data)}", hint="see `modelwright init tune`")
        raise InvalidWorkspace(document.place([problem]), source=document.source)
    problems = [_absent(path) for path in absent_fields(data)]
    workspace = None
    try:
        workspace = Workspace.model_validate(_without_nulls(data))
    except ValidationError as error:
        problems += [_problem(item) for item in error.errors(include_url=False, include_context=True)]
    if problems or workspace is None:
        raise InvalidWorkspace(document.place(problems), source=document.source)
    return workspace


def _absent(path: tuple[str, ...]) -> Problem:
    hint = "write apiVersion: kaito.sh/v1beta1"
    return Problem(render_path(path), "kaito.sh/v1alpha1 has no such field", hint, reason="UnknownField")


def _without_nulls(data: Any) -> Any:
    """``data`` without the keys whose value is null, which mean the same as being left out."""
    if isinstance(data, Mapping):
        return {
            key: value if key in OPEN_FIELDS else _without_nulls(value)
            for key, value in data.items()
            if value is not None
        }
    return [_without_nulls(item) for item in data] if isinstance(data, list) else data


def _problem(item: Any) -> Problem:
    path, kind = render_path(item["loc"]), item["type"]
    if kind == "extra_forbidden":
        return Problem(path, "unknown field", unknown_field_hint(item["loc"]), reason="UnknownField")
    if kind == "missing":
        return Problem(path, "is required", reason="Required")
    if kind == "literal_error":
        return _not_one_of(path, item)
    if kind in _TYPES:
        return _wrong_type(path, item)
    return Problem(path, item["msg"].removeprefix("Value error, "))


def _wrong_type(path: str, item: Any) -> Problem:
    kind, value = item["type"], item["input"]
    hint = _HINTS.get(kind, "")
    if kind == "string_type" and isinstance(value, bool | int | float):
        hint = f'put quotes around it: "{str(value).lower() if isinstance(value, bool) else value}"'
    if kind == "int_type" and isinstance(value, str) and value.strip().isdigit():
        hint = "remove the quotes"
    return Problem(path, f"must be {_TYPES[kind]}, not {_named(value)}", hint, reason="WrongType")


def _not_one_of(path: str, item: Any) -> Problem:
    allowed = [text.strip("'") for text in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    close = get_close_matches(str(item["input"]), allowed, n=1, cutoff=0.5)
    hint = f"did you mean {close[0]}?" if close else ""
    return Problem(path, f"{item['input']!r} is not one of {', '.join(allowed)}"[:300], hint, reason="NotSupported")


def _named(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:80]!r}"
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return kinds.get(type(value), f"a value of type {type(value).__name__}")


def unknown_field_hint(location: tuple[str | int, ...]) -> str:
    """What the user may have meant by a field that is not there: another spelling, or another place."""
    *parents, name = (str(part) for part in location if not isinstance(part, int))
    if not parents and name == "spec":
        return "a Workspace has no spec: write resource, inference and tuning at the top level"
    model = _model_at(parents)
    known = _aliases(model) if model else []
    folded = {alias.lower(): alias for alias in known}
    close = get_close_matches(name.lower(), list(folded), n=1, cutoff=0.6)
    if close:
        return f"did you mean {folded[close[0]]}?"
    places = [path for path in _all_fields(Workspace) if path[-1].lower() == name.lower()]
    if places:
        return f"did you mean {' or '.join(render_path(path) for path in places)}?"
    return f"known here: {', '.join(known)}" if known else ""


def _model_at(names: list[str]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = Workspace
    for name in names:
        model = dict(_children(model)).get(name) if model else None
    return model


def _aliases(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _children(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel] | None]]:
    for name, info in model.model_fields.items():
        yield info.alias or name, _model_in(info.annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """The model that an annotation such as ``list[X]`` or ``X | None`` speaks of."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for arg in get_args(annotation) if (found := _model_in(arg))), None)


def _all_fields(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for alias, child in _children(model):
        if alias in ("metadata", "status"):
            continue
        yield (*above, alias)
        if child is not None:
            yield from _all_fields(child, (*above, alias))
