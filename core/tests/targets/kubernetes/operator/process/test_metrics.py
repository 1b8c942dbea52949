"""How long conditions had their status, as Prometheus reads it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from llmwright.api.status import WorkspaceStatus
from llmwright.api.workspace import Workspace
from llmwright.targets.kubernetes.operator.process.metrics import Metrics
from llmwright.targets.kubernetes.operator.process.operator import Operator

WORKSPACE = Workspace.model_validate(
    {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": "ws", "namespace": "ns", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "inference": {"preset": {"name": "p"}},
    }
)


def of(there: list[dict[str, Any]]) -> Metrics:
    """The metrics of an operator that has these Workspaces in its cache."""
    operator = SimpleNamespace(
        workspaces=SimpleNamespace(all=lambda: there),
        drivers=SimpleNamespace(loaded=()),
        sweep=SimpleNamespace(orphans={}),
        queue=(),
    )
    return Metrics(cast(Operator, operator))


@pytest.fixture
def metrics() -> Metrics:
    """Of an operator that has nothing to do."""
    return of([])


def status(**verdicts: tuple[str, int]) -> WorkspaceStatus:
    """Each condition's status, and the second of its turn."""
    conditions: list[dict[str, Any]] = [
        {"type": kind, "status": verdict, "reason": "Why", "lastTransitionTime": f"2026-01-01T00:00:{second:02}Z"}
        for kind, (verdict, second) in verdicts.items()
    ]
    return WorkspaceStatus.model_validate({"conditions": conditions})


def stood(metrics: Metrics, kind: str, verdict: str) -> str | None:
    """The sum of seconds of all that turned so."""
    name = f'llmwright_condition_seconds_sum{{condition="{kind}",status="{verdict}"}} '
    lines = metrics.text().decode().splitlines()
    return next((line.removeprefix(name) for line in lines if line.startswith(name)), None)


def test_a_condition_that_turns_is_counted_from_its_last_turn(metrics: Metrics) -> None:
    metrics.status_written(WORKSPACE, status(InferenceReady=("False", 10)), status(InferenceReady=("True", 40)))
    metrics.status_written(WORKSPACE, status(InferenceReady=("True", 40)), status(InferenceReady=("True", 40)))
    assert stood(metrics, "InferenceReady", "True") == "30.0"
    assert stood(metrics, "InferenceReady", "False") is None


def test_what_is_true_at_first_is_counted_from_when_the_workspace_was_made(metrics: Metrics) -> None:
    metrics.status_written(WORKSPACE, None, status(InferenceReady=("True", 5), Stalled=("False", 5)))
    assert stood(metrics, "InferenceReady", "True") == "5.0"
    assert stood(metrics, "Stalled", "False") is None


def test_a_condition_that_is_new_to_an_old_workspace_is_not_counted(metrics: Metrics) -> None:
    old = status(InferenceReady=("True", 5))
    metrics.status_written(WORKSPACE, old, status(InferenceReady=("True", 5), WorkspaceReady=("True", 9)))
    assert stood(metrics, "WorkspaceReady", "True") is None


def live(name: str, state: str, stalled: str, **metadata: str) -> dict[str, Any]:
    conditions = [{"type": "Stalled", "status": str(bool(stalled)), "reason": stalled or "Progressing"}]
    about = {"name": name, "namespace": "team", **metadata}
    return {"metadata": about, "status": {"state": state, "conditions": conditions}}


def test_what_is_stalled_has_a_series_of_its_own_whatever_its_state() -> None:
    there = [
        live("chat", "NotReady", "ContainerOOMKilled"),
        live("calm", "Ready", ""),
        live("tuned", "Failed", "PreflightFailed"),
        live("leaving", "Ready", "ImageMissing", deletionTimestamp="2026-01-01T00:00:00Z"),
        {"metadata": {"name": "new", "namespace": "team"}},
    ]
    text = of(there).text().decode()
    series = {line for line in text.splitlines() if line.startswith("llmwright_workspaces_stalled{")}
    assert series == {
        f'llmwright_workspaces_stalled{{namespace="team",phase="{phase}",reason="{reason}",workspace="{name}"}} 1.0'
        for name, phase, reason in (
            ("chat", "NotReady", "ContainerOOMKilled"),
            ("tuned", "Failed", "PreflightFailed"),
            ("leaving", "Deleting", "ImageMissing"),
        )
    }
