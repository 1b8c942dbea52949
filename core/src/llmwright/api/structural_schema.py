"""pydantic's JSON schema as a structural schema of Kubernetes: no references, no unions, no titles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

OPEN = "x-kubernetes-preserve-unknown-fields"

_KEPT = frozenset(
    (
        "type",
        "description",
        "enum",
        "format",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "pattern",
        OPEN,
    )
)

Schema = dict[str, Any]


def structural(schema: Mapping[str, Any]) -> Schema:
    """Return ``schema`` with its ``$defs`` inlined and without defaults, which the CRD sets field by field."""
    return _convert(schema, schema.get("$defs", {}))


def _convert(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Schema:
    schema = _resolved(schema, definitions)
    result: Schema = {key: value for key, value in schema.items() if key in _KEPT}
    if "const" in schema:
        result["enum"] = [schema["const"]]
    if "properties" in schema:
        result["properties"] = {name: _convert(part, definitions) for name, part in schema["properties"].items()}
        if schema.get("required"):
            result["required"] = list(schema["required"])
        if schema.get("additionalProperties") is True:
            result[OPEN] = True
    elif isinstance(schema.get("additionalProperties"), Mapping):
        result["additionalProperties"] = _convert(schema["additionalProperties"], definitions)
    if "items" in schema:
        result["items"] = _convert(schema["items"], definitions)
    return _completed(result)


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Follow ``$ref``, and take the only option of a union with null. Keys beside them win."""
    for key in ("anyOf", "allOf", "oneOf"):
        options = [option for option in schema.get(key, ()) if option.get("type") != "null"]
        if len(options) == 1:
            beside = {name: value for name, value in schema.items() if name != key}
            return _resolved({**options[0], **beside}, definitions)
    if "$ref" in schema:
        target = definitions[schema["$ref"].rpartition("/")[2]]
        return _resolved({**target, **{name: value for name, value in schema.items() if name != "$ref"}}, definitions)
    return schema


def _completed(schema: Schema) -> Schema:
    """Add what Kubernetes requires: a type everywhere, and a mark on objects of unknown content."""
    if "type" not in schema:
        return {key: value for key, value in schema.items() if key == "description"} | {OPEN: True}
    if schema["type"] == "object" and "properties" not in schema and "additionalProperties" not in schema:
        schema[OPEN] = True
    return schema
