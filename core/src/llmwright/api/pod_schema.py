"""The form of a pod template and of a volume: Kubernetes' own fields, types, required fields and fixed values.

``pod_schema.json`` beside this file has them from the OpenAPI document of an API server (Kubernetes 1.34), where
``tests/cluster/test_pod_schema.py`` compares it. ``!`` marks a required field, ``|`` stands between fixed values, a
list holds the form of its items, and ``*`` that of a mapping's values. Rules between fields belong to ``check``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Any

from llmwright.errors import Problem, meant, nearest

_QUANTITY = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]?|[KMGTPE]i|[eE][+-]?\d+)\Z")
_UNITS = {
    **{unit: Decimal(1000) ** power for unit, power in zip(("n", "u", "m", "", *"kMGTPE"), range(-3, 7), strict=True)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}

_PLAIN: Mapping[str, tuple[type | tuple[type, ...], str]] = {
    "string": (str, "a text"),
    "boolean": (bool, "true or false"),
    "integer": (int, "a whole number"),
    "object": (Mapping, "a mapping"),
    "IntOrString": ((int, str), "a whole number or a text"),
}


def form_problems(name: str, value: Any, path: str) -> Iterator[Problem]:
    """Yield the parts of ``value`` that an API server would not read as the type ``name`` (``Volume``)."""
    yield from _judged(name, value, path)


def parse_quantity(quantity: float | str) -> Decimal:
    """Return the number that a quantity of the Kubernetes API stands for (``1.5Gi``).

    Raises:
        ValueError: any other text.
    """
    match = _QUANTITY.match(str(quantity))
    if match is None or isinstance(quantity, bool):
        raise ValueError(f"{quantity!r} is no quantity")
    number, unit = match.groups()
    # One letter E is a unit; with digits after it, it is a power of ten.
    return Decimal(number) * _UNITS[unit] if unit in _UNITS else Decimal(f"{number}{unit}")


@cache
def volume_kinds() -> frozenset[str]:
    """Return the keys of a volume that say of which kind it is."""
    return frozenset(_fields("Volume")) - {"name"}


def _judged(form: Any, value: Any, path: str) -> Iterator[Problem]:
    if value is None:
        # Kubernetes takes null for a field that is not there.
        return
    if isinstance(form, list):
        yield from _items(form[0], value, path)
    elif isinstance(form, dict):
        yield from _values(form["*"], value, path)
    elif form in _types():
        yield from _members(form, value, path)
    elif form == "Quantity":
        try:
            parse_quantity(value)
        except ValueError:
            yield _wrong(path, f"{value!r} is no quantity", "for example 500m, 2 or 16Gi")
    elif form in _PLAIN:
        wanted, words = _PLAIN[form]
        if not isinstance(value, wanted) or (isinstance(value, bool) and wanted is not bool):
            yield _wrong(path, f"must be {words}")
    elif value not in (allowed := form.split("|")):
        known = [word for word in allowed if word]
        yield _wrong(path, f"{value!r} is not one of {', '.join(known)}", _near(str(value), known))


def _items(form: Any, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, list):
        yield _wrong(path, "must be a list")
        return
    for index, item in enumerate(value):
        if item is None:
            yield _wrong(f"{path}[{index}]", "is empty")
        yield from _judged(form, item, f"{path}[{index}]")


def _values(form: Any, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "must be a mapping")
        return
    for key, item in value.items():
        if not isinstance(key, str):
            yield _wrong(f"{path}.{key}", "its name must be a text", "put quotes around it")
        yield from _judged(form, item, f"{path}.{key}")


def _members(name: str, value: Any, path: str) -> Iterator[Problem]:
    if not isinstance(value, Mapping):
        yield _wrong(path, "must be a mapping")
        return
    fields = _fields(name)
    for key, item in value.items():
        if key in fields:
            yield from _judged(fields[key][0], item, f"{path}.{key}")
        else:
            yield _wrong(f"{path}.{key}", f"Kubernetes has no field {key!r} here", _near(str(key), fields))
    missing = (field for field, (_, required) in fields.items() if required and value.get(field) is None)
    yield from (_wrong(f"{path}.{field}", "is required") for field in missing)


def _near(word: str, known: Iterable[str]) -> str:
    near = nearest(word, known)
    return meant(near) if near is not None else ""


def _wrong(path: str, message: str, hint: str = "") -> Problem:
    return Problem(path, message, hint, reason="Unworkable")


@cache
def _types() -> Mapping[str, Mapping[str, Any]]:
    text = files(__package__ or "").joinpath("pod_schema.json").read_text(encoding="utf-8")
    types: dict[str, dict[str, Any]] = json.loads(text)
    return types


@cache
def _fields(name: str) -> Mapping[str, tuple[Any, bool]]:
    """Return the form of each field, and whether it is required."""
    return {field.rstrip("!"): (form, field.endswith("!")) for field, form in _types()[name].items()}
