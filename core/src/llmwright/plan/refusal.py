"""Saying no, with the place in the YAML."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from llmwright.catalogue.quantity import format_bytes
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.values.fit import Fit


def refuse(path: str, message: str, hint: str = "", reason: str = "Invalid") -> InvalidWorkspace:
    """One problem as an error."""
    return InvalidWorkspace([Problem(path, message, hint=hint, reason=reason)])


def below(path: str, problems: Iterable[Problem], files: Sequence[str] = ()) -> list[Problem]:
    """``problems`` of a driver with their paths below ``path``; those of a config's file name keep theirs."""
    return [
        problem if problem.path.split(":")[0] in files else replace(problem, path=f"{path}.{problem.path}".rstrip("."))
        for problem in problems
    ]


def does_not_fit(fit: Fit, what: str, path: str, hint: str) -> InvalidWorkspace:
    """The error for a Fit that does not fit, with its terms."""
    terms = ", ".join(f"{term.name} {format_bytes(term.bytes)}" for term in fit.terms)
    device = "GPU" if fit.gpus else "machine"
    message = (
        f"{what} does not fit {fit.instance_type.name}: it needs {format_bytes(fit.needed_bytes)} per {device} and may "
        f"use {format_bytes(fit.budget_bytes)} ({terms})"
    )
    return refuse(path, message, hint, "DoesNotFit")
