"""Reading a YAML mapping into a frozen dataclass, field by field; errors name the path."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from llmwright.errors import meant, nearest

Reader = Callable[[Any], Any]


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a format. ``schema`` is the JSON schema of its value, needed where the reader is no plain one."""

    read: Reader
    about: str
    schema: Mapping[str, Any] | None = None


Fields = Mapping[str, Field]


class FieldError(ValueError):
    """A value cannot be read; ``path`` is its path in the document."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)


def snake_case(name: str) -> str:
    """Return ``kvBytesPerToken`` as ``kv_bytes_per_token``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def read_fields(document: Any, fields: Fields, path: str, required: frozenset[str]) -> dict[str, Any]:
    """Return the keys of ``document`` as keyword arguments in snake_case, each value read by its field's reader.

    Raises:
        FieldError: not a mapping, an unknown or missing key, or a value that its reader refuses.
    """
    if not isinstance(document, Mapping):
        raise FieldError(path, "expected a mapping")
    values = {}
    for key, value in document.items():
        name = snake_case(str(key))
        if name not in fields or name == key != name.replace("_", ""):
            raise FieldError(f"{path}.{key}", _unknown(name, fields))
        values[name] = _read(fields[name].read, value, f"{path}.{key}")
    missing = sorted(required - values.keys())
    if missing:
        raise FieldError(path, f"lacks {', '.join(camel_case(name) for name in missing)}")
    return values


def camel_case(name: str) -> str:
    """Return ``kv_bytes_per_token`` as ``kvBytesPerToken``."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def _read(reader: Reader, value: Any, path: str) -> Any:
    try:
        return reader(value)
    except FieldError as error:
        raise FieldError("", f"{path}{error}" if str(error).startswith(".") else f"{path}: {error}") from None
    except (TypeError, ValueError) as error:
        raise FieldError(path, str(error)) from None


def _unknown(name: str, fields: Fields) -> str:
    near = nearest(name, fields)
    return f"unknown field, {meant(camel_case(near))}" if near is not None else "unknown field"


def text(value: Any) -> str:
    """Return a string. A number is refused: its text in the file may have been another (``1.0``, ``0x10``)."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def flag(value: Any) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {value!r}")
    return value


def count(value: Any) -> int:
    """Return a whole number of 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"expected a whole number of 0 or more, found {value!r}")
    return value


def positive(value: Any) -> int:
    """Return a whole number above 0."""
    if count(value) == 0:
        raise ValueError("expected a whole number above 0, found 0")
    return int(value)


def amount(value: Any) -> float:
    """Return a number of 0 or more."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise TypeError(f"expected a number of 0 or more, found {value!r}")
    return float(value)


def texts(value: Any) -> tuple[str, ...]:
    """Return a list of strings as a tuple."""
    return tuple(text(item) for item in sequence(value))


def sequence(value: Any) -> list[Any]:
    """Return a list."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r}")
    return value


def mapping(value: Any) -> Mapping[str, Any]:
    """Return a mapping with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"expected a mapping, found {value!r}")
    return value
