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
        ({"initialReplicas": 5}, "initialReplicas", "minReplicas and maxReplicas (1 to 1)"),
        ({"minReplicas": 3, "maxReplicas": 2}, "maxReplicas", "less than minReplicas (3)"),
        ({"maxReplicas": 2, "initialReplicas": 5}, "initialReplicas", "minReplicas and maxReplicas (1 to 2)"),
        ({"targetOngoingRequests": 9, "maxOngoingRequests": 4}, "maxOngoingRequests", "no load would add a replica"),
        ({"maxReplicas": 0}, "maxReplicas", "greater than or equal to 1"),
        ({"replicas": 2}, "replicas", ""),
        ({"minReplica": 2}, "minReplica", ""),
    ],
)
def test_a_contradiction_is_refused_at_its_place(options: dict[str, Any], path: str, words: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        RayRuntime(make_context()).configure(options, {})
    (problem,) = caught.value.problems
    assert problem.path == path
    assert words in problem.message


def test_a_range_from_zero_is_taken() -> None:
    config = RayRuntime(make_context()).configure({"minReplicas": 0, "maxReplicas": 4, "maxQueuedRequests": 8}, {})
    assert (config.min_replicas, config.most, config.max_queued_requests) == (0, 4, 8)


def test_a_number_alone_is_fixed() -> None:
    assert RayRuntime(make_context()).configure({"minReplicas": 3}, {}).most == 3
