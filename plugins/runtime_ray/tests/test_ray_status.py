"""What RayServices and RayClusters say: recorded from KubeRay 1.5.1 and Ray 2.60 on a real API server."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.values.nodes import Failed, Outcome, Ready, Waiting
from llmwright_runtime_ray.last_words import marked
from llmwright_runtime_ray.ray_status import status

RECORDED: dict[str, Any] = json.loads(Path(__file__).with_name("recorded.json").read_text(encoding="utf-8"))

FAILS = "deployment Bad of application llmwright does not start: ValueError: no weights of this model at /x"
SICK = "deployment Sick of application llmwright is unhealthy: RuntimeError: CUDA error: device lost"
QUOTA = 'KubeRay cannot make the pods: pods "t-x9lcp-head-4dhsm" is forbidden: exceeded quota: q'
EXPECTED: dict[str, Outcome | None] = {
    "new": Waiting("RayApplicationPending", "the Ray head tells of no application yet"),
    "deploying": Waiting("RayApplicationDeploying", "application llmwright is deploying"),
    "not importable": Failed(
        "invalid",
        "application llmwright does not start: ModuleNotFoundError: No module named 'llmwright_runtime_ray'",
        "RayDeployFailed",
    ),
    "constructor fails": Failed("invalid", FAILS, "RayDeployFailed"),
    "no machine is large enough": Waiting("RayApplicationDeploying", "deployment Big of application llmwright is"),
    "serving": Ready(),
    "unhealthy": Failed("transient", SICK, "RayDeploymentUnhealthy"),
    "head lost": Waiting("RayApplicationPending", "the Ray head tells of no application yet"),
    "pods refused": Failed("transient", QUOTA, "RayPodsRefused"),
    "head pending": Waiting("RayHeadStarting", "the pod of the Ray head is not ready: nothing more is known of it"),
    "cluster runs": None,
    "head gone": Failed("transient", "the Ray head is lost, and KubeRay makes another: nothing more", "RayHeadLost"),
}


@pytest.mark.parametrize(("name", "expected"), EXPECTED.items(), ids=EXPECTED)
def test_what_was_recorded_is_told_by_its_root_cause(name: str, expected: Outcome | None) -> None:
    outcome = status(RECORDED[name])
    assert type(outcome) is type(expected)
    if isinstance(outcome, Waiting | Failed) and isinstance(expected, Waiting | Failed):
        assert outcome.reason == expected.reason
        assert outcome.message.startswith(expected.message)
        assert len(outcome.message) < 500
        assert "\n" not in outcome.message
    if isinstance(outcome, Failed) and isinstance(expected, Failed):
        assert outcome.kind == expected.kind


def test_everything_recorded_is_judged() -> None:
    assert RECORDED.keys() == EXPECTED.keys()


def test_what_no_machine_can_hold_is_told_with_what_it_needs_and_what_there_is() -> None:
    outcome = status(RECORDED["no machine is large enough"])
    assert isinstance(outcome, Waiting)
    assert '{"CPU": 1, "GPU": 4}, total resources available: {"CPU": 2.0, "GPU": 1.0}' in outcome.message


def service(ready: tuple[str, str], generation: int = 1, **parts: Any) -> dict[str, Any]:
    condition = {"type": "Ready", "status": ready[0], "reason": ready[1], "message": "the name is too long"}
    about = {"name": "t", "generation": generation}
    return {
        "kind": "RayService",
        "metadata": about,
        "status": {"conditions": [condition], "observedGeneration": 1, **parts},
    }


RUNNING = {"llmwright": {"status": "RUNNING", "serveDeploymentStatuses": {"model": {"status": "HEALTHY"}}}}
ACTIVE: dict[str, Any] = {"activeServiceStatus": {"rayClusterName": "t-1", "applicationStatuses": RUNNING}}


def reason_of(manifest: dict[str, Any]) -> str:
    outcome = status(manifest)
    assert isinstance(outcome, Waiting | Failed)
    return outcome.reason


def test_a_cluster_that_sleeps_waits() -> None:
    asleep = {"kind": "RayCluster", "metadata": {"name": "t-1"}, "spec": {"suspend": True}, "status": {}}
    assert reason_of(asleep) == "RayClusterSuspended"


def test_an_operator_that_does_not_run_is_asked_for() -> None:
    assert reason_of({"kind": "RayService", "metadata": {"name": "t"}}) == "RayServicePending"


def test_a_spec_that_kuberay_refuses_is_told_in_its_words() -> None:
    outcome = status(service(("False", "ValidationFailed")))
    expected = "KubeRay refuses the RayService: the name is too long"
    assert outcome == Failed("invalid", expected, "RayServiceInvalid")


def test_a_change_that_kuberay_has_not_taken_up_is_awaited() -> None:
    assert reason_of(service(("True", "NonZeroServeEndpoints"), generation=2, **ACTIVE)) == "RayServiceUpdating"
    assert status(service(("True", "NonZeroServeEndpoints"), **ACTIVE)) == Ready()


def test_an_application_that_answers_nowhere_is_not_ready() -> None:
    assert reason_of(service(("False", "ZeroServeEndpoints"), **ACTIVE)) == "RayWorkersStarting"
    assert reason_of(service(("True", "NonZeroServeEndpoints"))) == "RayApplicationPending"


def test_workers_that_are_missing_are_counted() -> None:
    counts = {"availableWorkerReplicas": 1, "minWorkerReplicas": 3}
    cluster = {**RECORDED["cluster runs"], "status": {**RECORDED["cluster runs"]["status"], **counts}}
    assert status(cluster) == Waiting("RayWorkersStarting", "1 of 3 workers run")


def test_a_cluster_that_leaves_says_nothing() -> None:
    leaving = {"name": "t-1", "deletionTimestamp": "2026-01-01T00:00:00Z"}
    assert status({**RECORDED["head gone"], "metadata": leaving}) is None
    assert status({"kind": "Service", "metadata": {"name": "t"}}) is None


def test_a_failure_without_words_points_to_the_logs() -> None:
    failed: dict[str, Any] = {
        "activeServiceStatus": {"rayClusterName": "t-1", "applicationStatuses": {"a": {"status": "DEPLOY_FAILED"}}}
    }
    outcome = status(service(("False", "Initializing"), **failed))
    assert isinstance(outcome, Failed)
    assert "logs of the Ray head" in outcome.message


def of_a_copy(error: LLMwrightError) -> Outcome | None:
    """What is told of an application whose copy ended with that error."""
    message = f"Traceback:\n  File x\nRuntimeError: {marked(error)}\n"
    deployments = {"LlmServer:tiny": {"status": "DEPLOY_FAILED", "message": message}}
    application = {"status": "DEPLOY_FAILED", "serveDeploymentStatuses": deployments}
    parts = {"rayClusterName": "t-1", "applicationStatuses": {"llmwright": application}}
    return status(service(("False", "Initializing"), activeServiceStatus=parts))


def test_the_error_of_a_copy_of_ours_is_told_in_its_own_words() -> None:
    outcome = of_a_copy(TargetError("vLLM did not start: the context is too long"))
    assert isinstance(outcome, Failed)
    assert outcome.reason == "RayDeployFailed"
    assert outcome.message.endswith("does not start: vLLM did not start: the context is too long")


def test_weights_that_do_not_come_have_the_reason_of_every_runtime() -> None:
    outcome = of_a_copy(ConfigError("acme/tiny is gated", hint="set HF_TOKEN", reason="TokenMissing"))
    assert isinstance(outcome, Failed)
    assert (outcome.kind, outcome.reason) == ("invalid", "TokenMissing")
    assert outcome.message.endswith("acme/tiny is gated (set HF_TOKEN)")
    away = of_a_copy(TargetError("the hub does not answer", reason="HubUnreachable"))
    assert isinstance(away, Failed)
    assert (away.kind, away.reason) == ("transient", "HubUnreachable")
