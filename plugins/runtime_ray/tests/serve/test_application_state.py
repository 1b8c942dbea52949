"""Whether the model answers, by Ray Serve's status."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from llmwright_runtime_ray.serve.application_state import model_deployment, state_of


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


def test_a_slow_start_is_told_without_ray_s_guess() -> None:
    slow = "has 1 replicas that have taken more than 30s to initialize.\nThis may be caused by a slow __init__ method."
    assert state_of(status("DEPLOYING", {"STARTING": 1}, slow)).reason.endswith("more than 30s to initialize.")


@pytest.mark.parametrize("message", ["This may be caused by a slow __init__ method.", "\n"])
def test_words_that_tell_nothing_are_no_failure(message: str) -> None:
    state = state_of(status("DEPLOYING", {"STARTING": 1}, message))
    assert (state.phase, state.reason) == ("loading", "no replica has loaded the model yet")


def llm(server: dict[str, int], ingress: dict[str, int], application: str = "DEPLOYING") -> Any:
    made = status(application, server)
    model = made.applications["llmwright"].deployments.pop("model")
    before = SimpleNamespace(status="HEALTHY", replica_states=ingress, message="")
    made.applications["llmwright"].deployments |= {"LlmServer:demo": model, "LlmIngress": before}
    return made


def test_ray_serve_llm_is_ready_with_a_replica_of_both() -> None:
    assert state_of(llm({"RUNNING": 1}, {"RUNNING": 1})).phase == "ready"
    assert state_of(llm({"STARTING": 1}, {"RUNNING": 1})).phase == "loading"
    assert state_of(llm({"RUNNING": 1}, {"STARTING": 1})).phase == "loading"
    assert state_of(llm({}, {}, "RUNNING")).phase == "ready"


def test_metrics_are_asked_of_the_deployment_with_the_model() -> None:
    assert model_deployment(llm({}, {})) == "LlmServer:demo"
    assert model_deployment(status("RUNNING", {})) == "model"
    assert model_deployment(SimpleNamespace(applications={})) == "model"
