"""The one tree of errors. Anything else that is raised is a bug.

::

    LLMwrightError
    ├── ConfigError            settings, flags or files of the user that cannot be used
    ├── PluginError
    │   ├── PluginNotFound     nothing installed answers to the name
    │   ├── PluginConflict     two distributions answer to the name
    │   ├── PluginLoadFailed   it is installed and its import failed
    │   └── PluginContract     it loaded and breaks the interface
    ├── InvalidWorkspace       the Workspace cannot be accepted; carries every Problem
    ├── LimitExceeded          a company rule forbids it
    ├── NotYet                 a state that is not reached; trying again later may help
    └── TargetError            the machine or the cluster refused
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with what the user wrote.

    ``path`` is the YAML path (``tuning.input.urls[0]``), empty for the document as a whole. ``line`` and ``column``
    count from 1 and are None where the value did not come from text. ``severity`` ``warning`` does not refuse.
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


class LLMwrightError(Exception):
    """Base of all errors that are somebody's to mend, not ours.

    ``reason`` is CamelCase and becomes a condition's reason and an Event's; ``message`` says what and where;
    ``hint`` says what to do. ``exit_code`` is what the CLI ends with.
    """

    reason = "Error"
    exit_code = 1

    def __init__(self, message: str, *, hint: str = "", reason: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        if reason is not None:
            self.reason = reason

    def __str__(self) -> str:
        return f"{self.message}\n  hint: {self.hint}" if self.hint else self.message


class ConfigError(LLMwrightError):
    """A setting, flag or file of the user's cannot be used."""

    reason = "ConfigError"
    exit_code = 2


class PluginError(LLMwrightError):
    """A plugin is missing, doubled, broken or of another interface."""

    reason = "PluginError"
    exit_code = 2


class PluginNotFound(PluginError):
    """Nothing installed answers to the name."""

    reason = "PluginNotFound"


class PluginConflict(PluginError):
    """Two distributions answer to the same name."""

    reason = "PluginConflict"


class PluginLoadFailed(PluginError):
    """The plugin is installed, and importing it failed."""

    reason = "PluginLoadFailed"


class PluginContract(PluginError):
    """The plugin loaded and does not keep the interface."""

    reason = "PluginContract"


class InvalidWorkspace(LLMwrightError):
    """The Workspace cannot be accepted. ``problems`` holds every one found, errors and warnings."""

    reason = "InvalidWorkspace"
    exit_code = 2

    def __init__(self, problems: Sequence[Problem], *, source: str = "") -> None:
        self.problems = tuple(problems)
        self.source = source
        errors = [p for p in self.problems if p.severity == "error"] or list(self.problems)
        prefix = f"{source}:" if source else ""
        super().__init__("\n".join(f"{prefix}{p}" for p in errors))


class LimitExceeded(LLMwrightError):
    """A limit set by the company (instance types, nodes, USD per hour) forbids it."""

    reason = "LimitExceeded"
    exit_code = 2


class NotYet(LLMwrightError):
    """A state was not reached (in time); it may be later."""

    reason = "NotYet"


class TargetError(LLMwrightError):
    """The machine or the cluster refused or failed."""

    reason = "TargetError"
