"""The same YAML on one machine."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.checking import SERVE, TUNE, Check, edit

from llmwright.errors import Problem

NODES = {"resource.instanceType": "NotUsed", "resource.labelSelector": "NotUsed"}


def reasons(problems: tuple[Problem, ...], severity: str) -> dict[str, str]:
    return {problem.path: problem.reason for problem in problems if problem.severity == severity}


def test_fields_about_nodes_are_reported_and_not_judged(check: Check) -> None:
    data = edit(TUNE, {"resource.count": 4, "resource.instanceType": "no such type"})
    problems = check(data, target="local")
    assert reasons(problems, "error") == {}
    assert reasons(problems, "warning") == {**NODES, "resource.count": "NotUsed"}
    assert check(edit(TUNE, {"resource": ...}), target="local") == ()


@pytest.mark.parametrize(
    ("base", "changes", "expected"),
    [
        (TUNE, {"tuning.output": ...}, {}),
        (TUNE, {"tuning.output.imagePushSecret": ...}, {}),
        (TUNE, {"tuning.input.urls": ["data.parquet"]}, {}),
        (TUNE, {"tuning.input.urls": ["file:///data.parquet"]}, {}),
        (TUNE, {"tuning.input.urls": ["http://127.0.0.1/x"]}, {"tuning.input.urls[0]": "BadUrl"}),
        (TUNE, {"tuning.input": {"volumeSource": {"hostPath": {"path": "/data"}}}}, {}),
        (TUNE, {"tuning.input": {"volumeSource": {}}}, {"tuning.input.volumeSource": "Required"}),
        (
            TUNE,
            {"tuning.input": {"volumeSource": {"hostPath": {}}}},
            {"tuning.input.volumeSource.hostPath.path": "Required"},
        ),
        (
            TUNE,
            {"tuning.output": {"volumeSource": {"persistentVolumeClaim": {"claimName": "c"}}}},
            {"tuning.output.volumeSource.persistentVolumeClaim": "NotSupported"},
        ),
        (
            SERVE,
            {"inference.adapters": [{"source": {"name": "a", "volumeSource": {"emptyDir": {}}}}]},
            {"inference.adapters[0].source.volumeSource.emptyDir": "NotSupported"},
        ),
        (SERVE, {"inference.adapters": [{"source": {"name": "a", "image": "r.io/a:1"}, "strength": "0.5"}]}, {}),
        (SERVE, {"inference.preset": ..., "inference.template": {}}, {"inference.template": "NotSupported"}),
        (SERVE, {"inference.preset.name": "vllm-only"}, {}),
        (SERVE, {"metadata.namespace": "../../etc"}, {"metadata.namespace": "BadName"}),
    ],
)
def test_parts(check: Check, base: dict[str, Any], changes: dict[str, Any], expected: dict[str, str]) -> None:
    problems = check(edit(base, changes), target="local")
    assert reasons(problems, "error") == expected


def test_a_gated_model_warns_where_the_user_may_be_logged_in(check: Check) -> None:
    problems = check(edit(SERVE, {"inference.preset.name": "gated", "resource": ...}), target="local")
    assert reasons(problems, "error") == {}
    assert reasons(problems, "warning") == {"inference.preset.presetOptions.modelAccessSecret": "TokenRequired"}
