"""Options about replicas: contradictions are one error each, with its place."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.errors import InvalidWorkspace
from llmwright.testing import make_context
from llmwright_runtime_ray.driver import RayRuntime


@pytest.mark.parametrize(
    ("options", "path", "words"),
    [
        ({"minReplicas": 0}, "minReplicas", "inference.autoscaling.minReplicas"),
        ({"maxReplicas": 2}, "maxReplicas", "inference.autoscaling.maxReplicas"),
        ({"max_replicas": 2}, "max_replicas", "inference.autoscaling.maxReplicas"),
        ({"initialReplicas": 5}, "initialReplicas", "inference.replicas"),
        ({"targetOngoingRequests": 9}, "targetOngoingRequests", "inference.autoscaling.target"),
        ({"replicas": 2}, "replicas", "inference.replicas"),
    ],
)
def test_the_number_of_copies_has_one_place(options: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        RayRuntime(make_context()).configure({**options, "dtype": "float32"}, {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.reason) == (path, "NotSupported")
    assert words in problem.message
    assert words in problem.hint


@pytest.mark.parametrize("options", [{"maxOngoingRequests": 0}, {"downscaleDelay": 2}, {"replicaCpus": 0}])
def test_a_wrong_option_is_refused_at_its_place(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        RayRuntime(make_context()).configure(options, {})
    assert [problem.path for problem in caught.value.problems] == [*options]


def test_no_adapter_is_loaded_into_copies_that_come_and_go() -> None:
    runtime = RayRuntime(make_context())
    with pytest.raises(InvalidWorkspace) as caught:
        runtime.configure({"adapterDirectories": ["/srv/a"]}, {})
    (problem,) = caught.value.problems
    assert (problem.path, problem.reason) == ("adapterDirectories", "NotSupported")
    assert "inference.adapters" in problem.hint
    assert runtime.configure({"adapterDirectories": []}, {}).adapter_directories == ()
