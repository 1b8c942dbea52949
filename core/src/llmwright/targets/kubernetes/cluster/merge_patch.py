"""JSON merge patches (RFC 7386), of and for the state of an object that we know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def merged(target: Any, patch: Any) -> Any:
    """Return ``target`` with ``patch`` applied. Neither is changed."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


def replacing(before: Any, after: Any) -> Any:
    """Return the patch from ``before`` to ``after``: keys that are to go are named with null.

    It has what is the same in both too. Where an object is another by now than was read, such as after a write whose
    answer got lost, it does not become a mixture of both.
    """
    if not (isinstance(before, Mapping) and isinstance(after, Mapping)):
        return after
    kept = {name: replacing(before.get(name), value) for name, value in after.items()}
    return {**kept, **{name: None for name in before if name not in after}}
