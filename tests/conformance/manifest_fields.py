"""Two trees of manifests, compared field by field."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


class _Absent:
    def __repr__(self) -> str:
        return "absent"


ABSENT = _Absent()
"""The value of a field that is not there."""


OPEN = frozenset({"annotations", "env", "flags", "labels", "mounts", "ports"})
"""Fields whose entries are compared one by one, even if one side has none."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field: its path, upstream's value and ours. A part that one side lacks is one field."""

    path: tuple[str, ...]
    upstream: Any
    ours: Any

    @property
    def equal(self) -> bool:
        """Whether the two values are the same. A number equals its text, as programs get numbers as text."""
        return bool(_plain(self.upstream) == _plain(self.ours))

    def __str__(self) -> str:
        return ".".join(part if "." not in part and "/" not in part else f"[{part}]" for part in self.path)


def fields(upstream: Any, ours: Any, path: tuple[str, ...] = ()) -> Iterator[Field]:
    """Yield every field of either tree."""
    if path and path[-1] in OPEN:
        upstream, ours = ({} if side is ABSENT else side for side in (upstream, ours))
    if isinstance(upstream, Mapping) and isinstance(ours, Mapping):
        for key in [*upstream, *(key for key in ours if key not in upstream)]:
            yield from fields(upstream.get(key, ABSENT), ours.get(key, ABSENT), (*path, str(key)))
    else:
        yield Field(path, upstream, ours)


def _plain(value: Any) -> Any:
    if isinstance(value, bool | _Absent) or value is None:
        return value
    return str(value) if isinstance(value, int | float) else value
