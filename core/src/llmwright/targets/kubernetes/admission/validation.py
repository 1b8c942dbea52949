"""Whether a Workspace may be stored; pure but for the judge that is handed in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmwright.api.crd import GROUP
from llmwright.api.document import Document
from llmwright.api.parsing import validate_workspace
from llmwright.api.workspace import Workspace
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.targets.kubernetes.admission.admission_review import Review

Judge = Callable[[Workspace, Workspace | None], Iterable[Problem]]
"""``(workspace, the one it replaces)`` to all that is wrong with it; asks no network."""

JUDGED = frozenset({"CREATE", "UPDATE"})

BROKEN = frozenset({"PluginError", "PluginConflict", "PluginContract", "PluginLoadFailed"})
"""Reasons that tell of the operator's own installation, not of the Workspace."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Everything found; one error refuses."""

    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """What refuses it."""
        return tuple(one for one in self.problems if one.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """What the user is told besides."""
        return tuple(one for one in self.problems if one.severity == "warning")


def verdict_on(review: Review, judge: Judge) -> Verdict:
    """What is said about a review.

    An update is judged only where it changes what the user asks for: labels, finalizers and the end of a Workspace
    are never held up, also where rules or settings have come since that it breaks.
    """
    if review.operation not in JUDGED or review.subresource or _asks_for_the_same(review):
        return Verdict()
    try:
        workspace = _read(review.new)
    except InvalidWorkspace as error:
        return Verdict(error.problems)
    old = _read_old(review.old)
    return Verdict(tuple(_excused(one, workspace, old) for one in judge(workspace, old)))


def _asks_for_the_same(review: Review) -> bool:
    if review.old is None:
        return False
    if _metadata(review.new).get("deletionTimestamp"):
        return True
    return _asked(review.new) == _asked(review.old)


def _asked(found: Mapping[str, Any]) -> Mapping[str, Any]:
    """All that rules read: every field of the user's, and the annotations that stand for fields."""
    annotations = _metadata(found).get("annotations") or {}
    ours = {name: value for name, value in annotations.items() if name.startswith(f"{GROUP}/")}
    fields = {name: value for name, value in found.items() if name not in ("metadata", "status") and value is not None}
    return {**fields, "annotations": ours}


def _metadata(found: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = found.get("metadata")
    return metadata if isinstance(metadata, Mapping) else {}


def _read(found: Mapping[str, Any]) -> Workspace:
    return validate_workspace(Document({name: value for name, value in found.items() if name != "status"}))


def _read_old(found: Mapping[str, Any] | None) -> Workspace | None:
    """None too where another version of the CRD let in what cannot be read any more: the new one is judged alone."""
    try:
        return _read(found) if found is not None else None
    except InvalidWorkspace:
        return None


def _excused(problem: Problem, workspace: Workspace, old: Workspace | None) -> Problem:
    """What no change of the Workspace could mend warns: its status says the same until the plugin is mended."""
    missing_before = problem.reason == "PluginNotFound" and old is not None and _named(old) == _named(workspace)
    return replace(problem, severity="warning") if problem.reason in BROKEN or missing_before else problem


def _named(workspace: Workspace) -> tuple[str | None, ...]:
    """The drivers that it names."""
    inference, tuning = workspace.inference, workspace.tuning
    return (
        workspace.resource.provisioner,
        inference.runtime if inference else None,
        tuning.method.lower() if tuning else None,
    )
