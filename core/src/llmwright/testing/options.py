"""Other values for the options of a driver, read off its model's JSON schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import BaseModel

FREE_TEXTS = ("another", "another-1", "1", "/another")


def properties(model: type[BaseModel] | None) -> dict[str, Mapping[str, Any]]:
    """Return the schema of each option by its name; nothing for a driver without options."""
    if model is None:
        return {}
    schema = model.model_json_schema()
    named: Mapping[str, Mapping[str, Any]] = schema.get("$defs", {})
    return {name: _resolved(about, named) for name, about in schema.get("properties", {}).items()}


def other_values(about: Mapping[str, Any]) -> Iterator[Any]:
    """Yield values that differ from the default of the option that has this schema, and may be valid."""
    default = about.get("default")
    for choice in (about, *about.get("anyOf", ()), *about.get("oneOf", ())):
        yield from (value for value in _values(choice, default) if value != default)


def _values(about: Mapping[str, Any], default: Any) -> Iterator[Any]:
    if "enum" in about:
        yield from about["enum"]
        return
    if "const" in about:
        yield about["const"]
        return
    kind = about.get("type")
    if kind == "boolean":
        yield from (True, False)
    elif kind in ("integer", "number"):
        yield from _numbers(about, default)
    elif kind == "string":
        yield from FREE_TEXTS
    elif kind == "array":
        item = about.get("items", {})
        yield from ([value] for value in (_values(item, None) if isinstance(item, Mapping) else ()))


def _numbers(about: Mapping[str, Any], default: Any) -> Iterator[Any]:
    middle = default if isinstance(default, int | float) and not isinstance(default, bool) else about.get("minimum", 1)
    step: int | float = 1 if about.get("type") == "integer" else 0.125
    candidates = [middle + step, middle * 2, middle - step, about.get("minimum"), about.get("maximum")]
    yield from (number for number in candidates if isinstance(number, int | float) and _within(number, about))


def _within(number: int | float, about: Mapping[str, Any]) -> bool:
    least, most = about.get("minimum", number), about.get("maximum", number)
    above, below = about.get("exclusiveMinimum", number - 1), about.get("exclusiveMaximum", number + 1)
    return bool(least <= number <= most and above < number < below)


def _resolved(about: Mapping[str, Any], named: Mapping[str, Mapping[str, Any]]) -> Mapping[str, Any]:
    """Return ``about`` with the definitions that it refers to in their places, one level deep."""
    if "$ref" in about:
        return {**named.get(about["$ref"].rpartition("/")[2], {}), **about}
    choices = {
        key: [_resolved(each, named) for each in about[key]] for key in ("anyOf", "oneOf", "allOf") if key in about
    }
    return {**about, **choices}
