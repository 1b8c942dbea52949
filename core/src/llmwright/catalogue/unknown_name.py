"""Finding a name that was written, or what was meant by it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from llmwright.errors import ConfigError


def has_prefix(name: str, prefixes: Iterable[str]) -> bool:
    """Whether ``name`` begins with one of ``prefixes``; upper and lower case are one."""
    return any(name.lower().startswith(prefix.lower()) for prefix in prefixes)


def unknown_name(kind: str, name: str, known: Iterable[str], *, command: str) -> ConfigError:
    """The error for a ``kind`` (``preset``) that nothing known answers to; ``command`` lists what is known."""
    by_key = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name.lower(), by_key, n=1, cutoff=0.6)
    meant = f"did you mean {by_key[close[0]]!r}? " if close else ""
    reason = "Unknown" + "".join(word.capitalize() for word in kind.split())
    return ConfigError(f"unknown {kind} {name!r}", hint=f"{meant}`{command}` lists them", reason=reason)
