"""Reading a YAML mapping into a frozen dataclass, field by field, with an error that says where."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

Reader = Callable[[Any], Any]


class FieldError(ValueError):
    """A value that cannot be read; ``path`` leads to it within the document."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)


def snake_case(name: str) -> str:
    """``kvBytesPerToken`` as ``kv_bytes_per_token``."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def read_fields(document: Any, readers: Mapping[str, Reader], path: str, required: frozenset[str]) -> dict[str, Any]:
    """``document``'s camelCase keys as keyword arguments, each read by its reader in ``readers`` (in snake_case).

    Raises:
        FieldError: no mapping, an unknown or missing key, or a value that its reader refuses.
    """
    if not isinstance(document, Mapping):
        raise FieldError(path, "expected a mapping")
    values = {}
    for key, value in document.items():
        name = snake_case(str(key))
        if name not in readers or name == key != name.replace("_", ""):
            raise FieldError(f"{path}.{key}", _unknown(name, readers))
        values[name] = _read(readers[name], value, f"{path}.{key}")
    missing = sorted(required - values.keys())
    if missing:
        raise FieldError(path, f"lacks {', '.join(camel_case(name) for name in missing)}")
    return values


def camel_case(name: str) -> str:
    """``kv_bytes_per_token`` as ``kvBytesPerToken``."""
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)


def _read(reader: Reader, value: Any, path: str) -> Any:
    try:
        return reader(value)
    except FieldError as error:
        raise FieldError("", f"{path}{error}" if str(error).startswith(".") else f"{path}: {error}") from None
    except (TypeError, ValueError) as error:
        raise FieldError(path, str(error)) from None


def _unknown(name: str, readers: Mapping[str, Reader]) -> str:
    close = get_close_matches(name, readers, n=1)
    return f"unknown field, did you mean {camel_case(close[0])!r}?" if close else "unknown field"


def text(value: Any) -> str:
    """A string; numbers that YAML made of one are refused rather than guessed at."""
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {value!r}")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise TypeError(f"expected true or false, found {value!r}")
    return value


def count(value: Any) -> int:
    """A whole number of 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise TypeError(f"expected a whole number of 0 or more, found {value!r}")
    return value


def positive(value: Any) -> int:
    """A whole number above 0."""
    if count(value) == 0:
        raise ValueError("expected a whole number above 0, found 0")
    return int(value)


def amount(value: Any) -> float:
    """A number of 0 or more."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value < float("inf"):
        raise TypeError(f"expected a number of 0 or more, found {value!r}")
    return float(value)


def texts(value: Any) -> tuple[str, ...]:
    """A list of strings."""
    if not isinstance(value, list):
        raise TypeError(f"expected a list, found {value!r}")
    return tuple(text(item) for item in value)


def mapping(value: Any) -> Mapping[str, Any]:
    """A mapping with text keys."""
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise TypeError(f"expected a mapping, found {value!r}")
    return value
