"""Whether the model answers, by Ray Serve's status."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llmwright_runtime_ray.serve.application_state import state_of


def status(application: str, replicas: dict[str, int], message: str = "") -> Any:
    model = SimpleNamespace(status="HEALTHY", replica_states=replicas, message=message)
    served = SimpleNamespace(status=application, message="", deployments={"model": model})
    return SimpleNamespace(applications={"llmwright": served})


@pytest.mark.parametrize(
    ("application", "replicas", "phase"),
    [
        ("DEPLOYING", {"STARTING": 1}, "loading"),
        ("RUNNING", {"RUNNING": 1}, "ready"),
        ("RUNNING", {}, "ready"),
        ("RUNNING", {"STARTING": 1}, "loading"),
        ("UNHEALTHY", {"RUNNING": 1, "STARTING": 1}, "ready"),
        ("UNHEALTHY", {"STARTING": 1}, "failed"),
        ("DEPLOY_FAILED", {}, "failed"),
    ],
)
def test_it_is_ready_with_a_replica_or_where_none_is_wanted(
    application: str, replicas: dict[str, int], phase: str
) -> None:
    assert state_of(status(application, replicas)).phase == phase


def test_the_reason_is_the_last_line_of_ray_s() -> None:
    assert state_of(status("DEPLOYING", {}, "first\nno GPU is free")).reason == "no GPU is free"
    assert state_of(SimpleNamespace(applications={})).phase == "loading"
