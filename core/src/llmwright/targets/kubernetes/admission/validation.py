"""Whether a Workspace may be stored. Pure, except for the check that the caller passes in."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmwright.api.crd import GROUP
from llmwright.api.document import Document
from llmwright.api.parsing import validate_workspace
from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.targets.kubernetes.admission.admission_review import AdmissionRequest, metadata_of

WorkspaceCheck = Callable[[Workspace, Workspace | None], Iterable[Problem]]
"""``(new, old)`` to all problems of the new Workspace. ``old`` is None for a new one. It asks no network."""

CHECKED_OPERATIONS = frozenset({"CREATE", "UPDATE"})

PLUGIN_FAULTS = frozenset({"PluginError", "PluginConflict", "PluginContract", "PluginLoadFailed"})
"""Reasons of problems that lie in the operator's installation, not in the Workspace."""

FORBIDDEN_HERE = frozenset({"LimitExceeded", "PrivilegedTemplate"})
"""Reasons of problems that whoever runs the cluster made a rule of: they hold for what was accepted before too."""


@dataclass(frozen=True, slots=True)
class ValidationResult:
    """All problems of a Workspace. One error is enough to refuse it."""

    problems: tuple[Problem, ...] = ()

    @property
    def errors(self) -> tuple[Problem, ...]:
        """The problems that refuse it."""
        return tuple(problem for problem in self.problems if problem.severity == "error")

    @property
    def warnings(self) -> tuple[Problem, ...]:
        """The problems that the user only sees."""
        return tuple(problem for problem in self.problems if problem.severity == "warning")


def validate(request: AdmissionRequest, check: WorkspaceCheck) -> ValidationResult:
    """Return all problems of the Workspace in ``request``.

    An update is checked only if it changes what the user asks for. So nobody is kept from changing a label, removing a
    finalizer or deleting a Workspace that breaks a rule which is newer than the Workspace. Nor from editing another
    field of it: what was wrong before is a warning, unless whoever runs the cluster forbids it.
    """
    if request.operation not in CHECKED_OPERATIONS or request.subresource or _asks_for_the_same(request):
        return ValidationResult()
    try:
        new = _read(request.new)
    except InvalidWorkspace as error:
        return ValidationResult(_forgiven(error.problems, _unreadable(request.old)))
    old = _read_old(request.old)
    problems = tuple(_with_severity(problem, new, old) for problem in check(new, old))
    if old is None or not ValidationResult(problems).errors:
        return ValidationResult(problems)
    return ValidationResult(_forgiven(problems, check(old, old)))


def _forgiven(problems: Iterable[Problem], before: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return ``problems``, as warnings those that were there ``before``."""
    known = {_what(problem) for problem in before if problem.reason not in FORBIDDEN_HERE}
    return tuple(replace(problem, severity="warning") if _what(problem) in known else problem for problem in problems)


def _what(problem: Problem) -> tuple[str, str, str]:
    return problem.path, problem.reason, problem.message


def _asks_for_the_same(request: AdmissionRequest) -> bool:
    if request.old is None:
        return False
    if metadata_of(request.new).get("deletionTimestamp"):
        return True
    return _user_input(request.new) == _user_input(request.old)


def _user_input(workspace: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return all that rules read: the user's fields, and the annotations that stand for fields."""
    annotations = metadata_of(workspace).get("annotations") or {}
    ours = {name: value for name, value in annotations.items() if name.startswith(f"{GROUP}/")}
    skipped = ("metadata", "status")
    fields = {name: value for name, value in workspace.items() if name not in skipped and value is not None}
    return {**fields, "annotations": ours}


def _read(workspace: Mapping[str, Any]) -> Workspace:
    return validate_workspace(Document({name: value for name, value in workspace.items() if name != "status"}))


def _unreadable(workspace: Mapping[str, Any] | None) -> tuple[Problem, ...]:
    """Return why this version cannot read a Workspace; nothing where it can, or where there is none."""
    try:
        if workspace is not None:
            _read(workspace)
    except InvalidWorkspace as error:
        return error.problems
    return ()


def _read_old(workspace: Mapping[str, Any] | None) -> Workspace | None:
    """Return the old Workspace, of its status only the plan; None also if this version cannot read it.

    An earlier CRD may have accepted such a one.
    """
    if workspace is None:
        return None
    try:
        old = _read(workspace)
    except InvalidWorkspace:
        return None
    plan = (workspace.get("status") or {}).get("plan")
    try:
        status = WorkspaceStatus.model_validate({"plan": plan})
    except ValueError:
        # A record that this version cannot read is one all the same: something was done.
        return old
    return old.model_copy(update={"status": status})


def _with_severity(problem: Problem, new: Workspace, old: Workspace | None) -> Problem:
    """Make a warning of a problem that no change of the Workspace can solve.

    The user is not to blame for a broken plugin, nor for a plugin that was removed after the Workspace had named it.
    The Workspace's status shows the same problem until the plugin works again.
    """
    removed = problem.reason == "PluginNotFound" and old is not None and _driver_names(old) == _driver_names(new)
    return replace(problem, severity="warning") if problem.reason in PLUGIN_FAULTS or removed else problem


def _driver_names(workspace: Workspace) -> tuple[str | None, ...]:
    inference, tuning = workspace.inference, workspace.tuning
    return (
        workspace.resource.provisioner,
        inference.runtime if inference else None,
        tuning.method.lower() if tuning else None,
    )
