"""``resource.instanceType``: one type, ``auto``, or several of which the first that can be had is taken.

Several are written in the one string that the field is upstream, separated by commas: its schema and its immutability
stay upstream's.
"""

from __future__ import annotations

AUTO = "auto"
SEPARATOR = ","


def is_auto(written: str) -> bool:
    """Return whether the choice is left to the ranking."""
    return written.strip().lower() == AUTO


def listed_types(written: str) -> tuple[str, ...]:
    """Return the names that are written, in their order; ``auto`` counts as one, and an empty part as an empty name."""
    return tuple(part.strip() for part in written.split(SEPARATOR)) if SEPARATOR in written else (written,)


def leaves_choice(written: str) -> bool:
    """Return whether more than one type would do: ``auto``, or a list."""
    return is_auto(written) or SEPARATOR in written
