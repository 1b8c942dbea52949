"""Errors of fields: pydantic's validation errors as Problems that a user understands.

Used for Workspaces and for settings, whose models both give their fields YAML names as aliases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from llmwright.errors import MOST_PROBLEMS, Problem, meant, nearest
from llmwright.reading.yaml_paths import render_path

_TYPES = {
    "string_type": "text",
    "int_type": "a whole number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "mapping_type": "a mapping",
}
_BOUNDS = {"less_than_equal": ("at most", "le"), "greater_than_equal": ("at least", "ge")}
_HINTS = {"list_type": "begin each item on a line of its own with '- '"}


def field_problems(error: ValidationError, root: type[BaseModel]) -> list[Problem]:
    """Return a Problem for each error, with its YAML path. The hint of an unknown field names a similar field."""
    items = _without_misspelt(error.errors(include_url=False), root)
    # A hint compares names, and no message shows more problems than these.
    return [_problem(item, root if number < MOST_PROBLEMS else None) for number, item in enumerate(items)]


def _without_misspelt(items: list[Any], root: type[BaseModel]) -> list[Any]:
    """Leave out a field that is missing where one beside it is a misspelling of it: one mistake, one message."""
    unknown = [item["loc"] for item in items[:MOST_PROBLEMS] if item["type"] == "extra_forbidden"]
    meant_ones = {(*loc[:-1], _near_field(loc, root)) for loc in unknown}
    return [item for item in items if item["type"] != "missing" or item["loc"] not in meant_ones]


def _near_field(location: tuple[str | int, ...], root: type[BaseModel]) -> str | None:
    *parents, name = (str(part) for part in location if not isinstance(part, int))
    model = _model_at(parents, root)
    return nearest(name, _aliases(model)) if model else None


def _problem(item: Any, root: type[BaseModel] | None) -> Problem:
    path, kind = render_path(item["loc"]), item["type"]
    if kind == "extra_forbidden":
        hint = _unknown_field_hint(item["loc"], root) if root else ""
        return Problem(path, "unknown field", hint, reason="UnknownField")
    if kind == "missing":
        return Problem(path, "is required", reason="Required")
    if kind == "literal_error":
        return _not_one_of(path, item)
    if kind in _TYPES:
        return _wrong_type(path, item, root)
    if kind in _BOUNDS:
        words, key = _BOUNDS[kind]
        return Problem(path, f"must be {words} {item['ctx'][key]}, not {named(item['input'])}", reason="OutOfRange")
    return Problem(path, item["msg"].removeprefix("Value error, "))


def _wrong_type(path: str, item: Any, root: type[BaseModel] | None) -> Problem:
    kind, value = item["type"], item["input"]
    hint = _HINTS.get(kind, "")
    if kind == "model_type" and isinstance(value, str) and root is not None:
        names = [str(part) for part in item["loc"] if not isinstance(part, int)]
        model = _model_at(names, root)
        hint = f"{names[-1]}: {{name: {value[:80]}}}" if model is not None and "name" in model.model_fields else hint
    if kind == "string_type" and isinstance(value, dict) and isinstance(value.get("name"), str):
        hint = f"write its name alone: {value['name'][:80]}"
    if kind == "string_type" and isinstance(value, list) and item["loc"][-1] == "instanceType":
        hint = f'write the types in one text: "{", ".join(map(str, value))[:200]}"'
    if kind == "string_type" and isinstance(value, bool | int | float):
        hint = f'put quotes around it: "{str(value).lower() if isinstance(value, bool) else value}"'
    if kind == "int_type" and isinstance(value, str) and value.strip().isdigit():
        hint = "remove the quotes"
    return Problem(path, f"must be {_TYPES[kind]}, not {named(value)}", hint, reason="WrongType")


def _not_one_of(path: str, item: Any) -> Problem:
    allowed = [text.strip("'") for text in item["ctx"]["expected"].replace(" or ", ", ").split(", ")]
    near = nearest(str(item["input"]), allowed)
    hint = meant(near) if near is not None else ""
    return Problem(path, f"{item['input']!r} is not one of {', '.join(allowed)}"[:300], hint, reason="NotSupported")


def named(value: Any) -> str:
    """Describe ``value`` for a message."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"the number {value}"
    if isinstance(value, str):
        return f"the text {value[:80]!r}"
    kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
    return kinds.get(type(value), f"a value of type {type(value).__name__}")


def _unknown_field_hint(location: tuple[str | int, ...], root: type[BaseModel]) -> str:
    """Suggest a field in place of an unknown field: another spelling, or another place in the document."""
    *parents, name = (str(part) for part in location if not isinstance(part, int))
    model = _model_at(parents, root)
    known = _aliases(model) if model else []
    near = nearest(name, known)
    if near is not None:
        return meant(near)
    places = [path for path in _all_fields(root) if path[-1].lower() == name.lower()]
    # The same part first: of two fields of one name, who serves does not mean that of tuning.
    beside = [path for path in places if parents and path[0] == parents[0]]
    if places:
        return meant(*(render_path(path) for path in beside or places))
    return f"known here: {', '.join(known)}" if known else ""


def _model_at(names: list[str], root: type[BaseModel]) -> type[BaseModel] | None:
    model: type[BaseModel] | None = root
    for name in names:
        model = dict(_children(model)).get(name) if model else None
    return model


def _aliases(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _children(model: type[BaseModel]) -> Iterator[tuple[str, type[BaseModel] | None]]:
    for name, info in model.model_fields.items():
        yield info.alias or name, _model_in(info.annotation)


def _model_in(annotation: Any) -> type[BaseModel] | None:
    """Return the model in an annotation such as ``list[X]`` or ``X | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((model for arg in get_args(annotation) if (model := _model_in(arg))), None)


def _all_fields(model: type[BaseModel], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for alias, child in _children(model):
        if alias in ("metadata", "status"):
            continue
        yield (*above, alias)
        if child is not None:
            yield from _all_fields(child, (*above, alias))
