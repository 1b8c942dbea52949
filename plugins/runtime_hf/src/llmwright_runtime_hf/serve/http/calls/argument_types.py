"""The type of an argument that a model writes as plain text: what the tool's schema says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

_DEEPEST = 8
"""References, and schemas within schemas, that are followed."""
_SHARED = ("$defs", "definitions")
_KINDS: dict[type, tuple[str, ...]] = {
    bool: ("boolean",),
    int: ("integer", "number"),
    float: ("number",),
    str: ("string",),
    list: ("array",),
    dict: ("object",),
    type(None): ("null",),
}


def property_schema(parameters: Any, name: str) -> Any:
    """Return the schema of the argument ``name``, with what it may refer to; None where there is none."""
    found = resolved(parameters)
    properties = found.get("properties")
    return _within(found, properties.get(name) if isinstance(properties, dict) else None)


def items_schema(schema: Any) -> Any:
    """Return the schema of each item of a list, with what it may refer to; None where there is none."""
    found = resolved(schema)
    return _within(found, found.get("items"))


def _within(root: dict[str, Any], schema: Any) -> Any:
    return {**{key: root[key] for key in _SHARED if key in root}, **schema} if isinstance(schema, dict) else None


def typed(text: str, schema: Any) -> Any:
    """Return what ``text`` says: a number, a list, … where ``schema`` has that type, and else the text itself."""
    kinds = kinds_of(schema)
    if kinds <= {"string"}:
        return text
    value = loose_json(text)
    if isinstance(value, float) and value.is_integer() and "integer" in kinds:
        return int(value)
    return value if kinds.intersection(_KINDS[type(value)]) else text


def loose_json(text: str) -> Any:
    """Return the value of JSON, also with Python's ``True``, ``False`` and ``None``; the text itself of other text."""
    bare = text.strip()
    try:
        value = read_json({"True": "true", "False": "false", "None": "null"}.get(bare, bare))
        json.dumps(value, allow_nan=False)  # 1e999 is read as a number that no JSON can write
    except (Unreadable, ValueError):
        return text
    return value


def kinds_of(schema: Any) -> set[str]:
    """Return the names of the types that ``schema`` allows, as far as it says; none where it says nothing."""
    return set(_kinds(schema, schema, 0))


def texts_of(schema: Any) -> list[str]:
    """Return the texts of which the argument is one; none where it may be another, or is no text."""
    found = resolved(schema)
    values = [found["const"]] if "const" in found else found.get("enum")
    return [*values] if isinstance(values, list) and all(isinstance(value, str) for value in values) else []


def resolved(schema: Any) -> dict[str, Any]:
    """Return the schema that a reference leads to, with what it may refer to itself; one that says nothing for none."""
    found = _resolved(schema, schema)
    if not isinstance(found, dict):
        return {}
    return {**{key: schema[key] for key in _SHARED if key in schema}, **found}


def _kinds(schema: Any, root: Any, depth: int) -> Iterator[str]:
    schema = _resolved(schema, root)
    if depth > _DEEPEST or not isinstance(schema, dict):
        return
    named = schema.get("type")
    if named is not None:
        yield from (str(kind) for kind in (named if isinstance(named, list) else [named]))
        return
    values = [schema["const"]] if "const" in schema else schema.get("enum")
    for value in values if isinstance(values, list) else ():
        yield from _KINDS.get(type(value), ())
    for key in ("anyOf", "oneOf", "allOf"):
        for part in schema[key] if isinstance(schema.get(key), list) else ():
            yield from _kinds(part, root, depth + 1)


def _resolved(schema: Any, root: Any) -> Any:
    """Return what a reference into the root leads to; the schema itself where it is none."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref") if isinstance(schema, dict) else None
        if not isinstance(reference, str):
            break
        schema = root
        for part in reference.removeprefix("#/").split("/"):
            schema = schema.get(part) if isinstance(schema, dict) else None
    return schema
