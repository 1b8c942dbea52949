"""The formats of packs as JSON schemas (draft 2020-12), from the very tables that read them.

A schema says a little less than the reader: that a name occurs once, or that a template parses, only the reader sees.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.catalogue import quantity, yaml_fields
from llmwright.catalogue.yaml_fields import Field, Fields, Reader, camel_case

_DIALECT = "https://json-schema.org/draft/2020-12/schema"
_PLAIN: Mapping[Reader, Mapping[str, Any]] = {
    yaml_fields.text: {"type": "string"},
    yaml_fields.flag: {"type": "boolean"},
    yaml_fields.count: {"type": "integer", "minimum": 0},
    yaml_fields.positive: {"type": "integer", "minimum": 1},
    yaml_fields.amount: {"type": "number", "minimum": 0},
    yaml_fields.texts: {"type": "array", "items": {"type": "string"}},
    yaml_fields.mapping: {"type": "object"},
    quantity.parse_bytes: quantity.SCHEMA,
}


def document_schema(kind: str, fields: Fields, required: frozenset[str]) -> dict[str, Any]:
    """Return the schema of a whole file of ``kind``."""
    schema = object_schema(fields, required)
    properties = {**schema["properties"], "kind": {"const": kind}}
    return {"$schema": _DIALECT, "title": kind, **schema, "properties": properties}


def object_schema(fields: Fields, required: frozenset[str]) -> dict[str, Any]:
    """Return the schema of a mapping with these fields and no others."""
    return {
        "type": "object",
        "properties": {camel_case(name): _property(field) for name, field in fields.items()},
        "required": sorted(camel_case(name) for name in required),
        "additionalProperties": False,
    }


def _property(field: Field) -> dict[str, Any]:
    schema = field.schema if field.schema is not None else _PLAIN[field.read]
    return {"description": field.about, **schema}
