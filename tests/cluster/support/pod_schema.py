"""The fields of a pod template, as an API server publishes them, in the short form that the package holds."""

from __future__ import annotations

from typing import Any

ROOT = "io.k8s.api.core.v1.PodTemplateSpec"
NOT_IN_TEMPLATES = frozenset({"ephemeralContainers"})

Schema = dict[str, Any]


def pod_schema(openapi: Schema) -> dict[str, dict[str, Any]]:
    """Return each type with its fields; ``!`` marks the required ones.

    Args:
        openapi: what ``/openapi/v3/api/v1`` answers.
    """
    schemas, types = openapi["components"]["schemas"], dict[str, dict[str, Any]]()
    _add(ROOT, schemas, types)
    return types


def _add(name: str, schemas: Schema, types: dict[str, dict[str, Any]]) -> None:
    short = name.rpartition(".")[2]
    if short in types:
        return
    types[short] = {}
    required = schemas[name].get("required", ())
    for field, schema in schemas[name].get("properties", {}).items():
        if field not in NOT_IN_TEMPLATES:
            types[short][f"{field}!" if field in required else field] = _form(schema, schemas, types)


def _form(schema: Schema, schemas: Schema, types: dict[str, dict[str, Any]]) -> Any:
    whole = {**schema, **schema["allOf"][0]} if len(schema.get("allOf", ())) == 1 else schema
    if "$ref" in whole:
        return _of_reference(whole["$ref"].rpartition("/")[2], schemas, types)
    if whole.get("type") == "array":
        return [_form(whole["items"], schemas, types)]
    if whole.get("type") == "object":
        values = whole.get("additionalProperties")
        return {"*": _form(values, schemas, types)} if values else "object"
    return "|".join(whole["enum"]) if "enum" in whole else whole["type"]


def _of_reference(name: str, schemas: Schema, types: dict[str, dict[str, Any]]) -> str:
    short = name.rpartition(".")[2]
    if short in ("Quantity", "IntOrString"):
        return short
    if "properties" not in schemas[name]:
        return str(schemas[name].get("type", "object"))
    _add(name, schemas, types)
    return short
