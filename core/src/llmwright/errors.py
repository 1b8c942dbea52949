"""The tree of errors. Any other exception is a bug.

Below each class stand its subclasses:

    LLMwrightError
    ├── ConfigError            a setting, flag or file of the user cannot be used
    ├── PluginError
    │   ├── PluginNotFound     no installed plugin has the name
    │   ├── PluginConflict     two distributions bring a plugin of the same name
    │   ├── PluginLoadFailed   the plugin is installed, and its import failed
    │   └── PluginContract     the plugin loaded, and breaks the interface
    ├── InvalidWorkspace       the Workspace is refused; carries every Problem
    ├── LimitExceeded          a limit in the settings forbids it
    ├── NotYet                 a state is not reached yet; a later attempt may succeed
    └── TargetError            the machine or the cluster refused or failed
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

MOST_PROBLEMS = 50
"""Problems that one message shows."""
_MOST_NAMES = 12
"""Names that one hint lists."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in the YAML that the user wrote.

    ``path`` is the YAML path (``tuning.input.urls[0]``), empty for the document as a whole. ``line`` and ``column``
    count from 1 and are None where the value did not come from text. A ``severity`` of ``warning`` does not refuse the
    Workspace.
    """

    path: str
    message: str
    hint: str = ""
    line: int | None = None
    column: int | None = None
    severity: Literal["error", "warning"] = "error"
    reason: str = "Invalid"

    def __str__(self) -> str:
        where = ":".join(str(n) for n in (self.line, self.column) if n is not None)
        text = ": ".join(part for part in (where, self.path, self.message) if part)
        return f"{text} ({self.hint})" if self.hint else text


def first_problems(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """Return all ``problems`` where they are few, else the first 50, errors before warnings, and their number."""
    if len(problems) <= MOST_PROBLEMS:
        return tuple(problems)
    ranked = sorted(problems, key=lambda problem: problem.severity != "error")
    severity = ranked[MOST_PROBLEMS].severity
    rest = Problem("", f"and {len(ranked) - MOST_PROBLEMS:,} more", "mend these first", severity=severity)
    return (*ranked[:MOST_PROBLEMS], rest)


class LLMwrightError(Exception):
    """Base of all errors that the user or an administrator can repair.

    ``reason`` is CamelCase and becomes the reason of a condition and of an Event. ``message`` names the trouble and its
    place, ``hint`` the remedy. The CLI ends with ``exit_code``.
    """

    reason = "Error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if reason is not None:
            self.reason = reason

    @property
    def text(self) -> str:
        """Message and hint without a line break between them, as conditions and answers over HTTP have them."""
        return f"{self.message} ({self.hint})" if self.hint else self.message

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ConfigError(LLMwrightError):
    """A setting, flag or file of the user cannot be used."""

    reason = "ConfigError"
    exit_code = 2


class PluginError(LLMwrightError):
    """A plugin is missing, installed twice, broken, or made for another interface."""

    reason = "PluginError"
    exit_code = 2


class PluginNotFound(PluginError):
    """No installed plugin has the name."""

    reason = "PluginNotFound"


class PluginConflict(PluginError):
    """Two distributions bring a plugin of the same name."""

    reason = "PluginConflict"


class PluginLoadFailed(PluginError):
    """The plugin is installed, and its import failed."""

    reason = "PluginLoadFailed"


class PluginContract(PluginError):
    """The plugin loaded, and breaks the interface."""

    reason = "PluginContract"


class InvalidWorkspace(LLMwrightError):
    """The Workspace is refused. ``problems`` holds all errors and warnings, the message the first 50."""

    reason = "InvalidWorkspace"
    exit_code = 2

    def __init__(self, problems: Sequence[Problem], *, source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        errors = [p for p in self.problems if p.severity == "error"] or list(self.problems)
        prefix = f"{source}:" if source else ""
        super().__init__("\n".join(f"{prefix}{p}" for p in first_problems(errors)))


class LimitExceeded(LLMwrightError):
    """A limit in the settings (instance types, nodes, USD per hour) forbids it."""

    reason = "LimitExceeded"
    exit_code = 2


class NotYet(LLMwrightError):
    """A state was not reached in time; it may be reached later."""

    reason = "NotYet"


class TargetError(LLMwrightError):
    """The machine, the cluster or a cloud refused or failed. ``retry_after_s`` is how long it asks to be left alone."""

    reason = "TargetError"

    def __init__(
        self, message: str, *, hint: str = "", reason: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, hint=hint, reason=reason)
        self.retry_after_s = retry_after_s


def nearest(name: str, known: Iterable[str], least: float = 0.6) -> str | None:
    """Return the one of ``known`` that ``name`` may be a misspelling of, in upper or lower case; None for none.

    ``least`` is the share of the letters that must agree.
    """
    from difflib import get_close_matches

    by_key = {candidate.lower(): candidate for candidate in known}
    matches = get_close_matches(name.lower(), by_key, n=1, cutoff=least)
    return by_key[matches[0]] if matches else None


def meant(*names: str) -> str:
    """Return the hint that offers ``names`` in place of what was written."""
    return f"did you mean {' or '.join(map(repr, names))}?"


def did_you_mean(name: str, known: Iterable[str], command: str = "") -> str:
    """Return a hint for ``name``, which is not among ``known``: the nearest, and the ``command`` that lists all.

    Without a command and a near name the hint lists ``known``, the first of them where they are many.
    """
    names = sorted(known)
    near = nearest(name, names)
    parts = [meant(near)] if near is not None else []
    if command:
        parts.append(f"`{command}` lists all")
    elif near is None and names:
        more = f", and {len(names) - _MOST_NAMES} more" if len(names) > _MOST_NAMES else ""
        parts.append(f"known: {', '.join(names[:_MOST_NAMES])}{more}")
    return " ".join(parts)
