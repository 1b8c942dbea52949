"""The forms in which ``/v1/completions`` takes prompts: a text, token ids, or a list of either."""

from __future__ import annotations

from typing import cast


def checked_prompt(value: object) -> object:
    """Return ``value``. Raises ValueError for another form.

    It is checked by hand: pydantic's union keeps an error for each item of each alternative.
    """
    batch = isinstance(value, list) and bool(value) and all(_all_of(int, item) for item in value)
    if isinstance(value, str) or _all_of(str, value) or _all_of(int, value) or batch:
        return value
    raise ValueError("a prompt is a text, a list of token ids, or a list of either")


def prompts_of(value: object) -> list[str | list[int]]:
    """Return the prompts of a checked value: each a text or token ids."""
    if isinstance(value, str):
        return [value]
    listed = cast("list[str | list[int] | int]", value)
    one = not listed or isinstance(listed[0], int)
    return cast("list[str | list[int]]", [listed] if one else listed)


def _all_of(kind: type, values: object) -> bool:
    # Not isinstance: a bool is an int in Python, and no token id in JSON.
    return isinstance(values, list) and all(type(value) is kind for value in values)
