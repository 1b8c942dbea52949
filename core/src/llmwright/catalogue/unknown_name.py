"""Finding a name that was written, or what was meant by it."""

from __future__ import annotations

from collections.abc import Iterable

from llmwright.errors import ConfigError, did_you_mean


def has_prefix(name: str, prefixes: Iterable[str]) -> bool:
    """Whether ``name`` begins with one of ``prefixes``; upper and lower case are one."""
    return any(name.lower().startswith(prefix.lower()) for prefix in prefixes)


def unknown_name(kind: str, name: str, known: Iterable[str], *, command: str) -> ConfigError:
    """The error for a ``kind`` (``preset``) that nothing known answers to; ``command`` lists what is known."""
    reason = "Unknown" + "".join(word.capitalize() for word in kind.split())
    return ConfigError(f"unknown {kind} {name!r}", hint=did_you_mean(name, known, command), reason=reason)
