"""Which objects one pass applies, and what is reported where they cannot be."""

from __future__ import annotations

import pytest

from llmwright.api.status import WorkspaceStatus
from llmwright.lifecycle.decision import Decision, Start
from llmwright.lifecycle.observed import Observed, Role, Trouble, Workload, WorkloadPhase
from llmwright.targets.kubernetes.manifests import Manifests
from llmwright.targets.kubernetes.operator.apply.desired import blocked, desired_objects, without_starts
from llmwright.targets.kubernetes.operator.observe.workloads import judged
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import Failed, NodeRequest, Outcome, Ready, Waiting
from llmwright.values.plan import Choice, Plan

LAUNCH = Launch(main=Process(name="run", argv=("run",)))
OTHER = Launch(main=Process(name="run", argv=("run", "otherwise")))
PLAN = Plan(
    workspace="ws", namespace="ns", inputs="i", target="kubernetes", preset="p",
    provisioner=Choice(name="byo", why=""), nodes=NodeRequest(namespace="ns", workspace="ws", count=1),
    tuning=LAUNCH, serving=LAUNCH,
)  # fmt: skip
START = Start(role="serving", launch=LAUNCH, digest=LAUNCH.digest, inputs="i")
TROUBLE = Trouble("KindNotServed", "no such kind")


def look(role: Role, launch: Launch) -> Manifests:
    """A Service and what runs."""
    service = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": role}}
    return (service, {"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": role}})


def running(phase: WorkloadPhase = "running", launch: Launch = LAUNCH) -> Workload:
    return Workload(phase=phase, digest=launch.digest, inputs="i")


def decided(*actions: Start) -> Decision:
    return Decision(status=WorkspaceStatus(), actions=actions)


def test_a_job_is_looked_after_only_where_plugins_brought_something() -> None:
    observed = Observed(tuning=running())
    assert not desired_objects(PLAN, observed, decided(), look, added=False).whole
    assert set(desired_objects(PLAN, observed, decided(), look, added=True).standing) == {"tuning"}
    finished = Observed(tuning=running("succeeded"))
    assert not desired_objects(PLAN, finished, decided(), look, added=True).whole


def test_of_a_server_that_is_not_planned_any_more_only_services_stay() -> None:
    desired = desired_objects(PLAN, Observed(serving=running("ready", OTHER)), decided(), look, added=True)
    assert not desired.whole
    assert [one["kind"] for one in desired.services] == ["Service"]


def test_a_role_that_is_hindered_is_not_started_and_says_why() -> None:
    observed = Observed(tuning=running())
    desired = desired_objects(PLAN, observed, decided(START), look, added=True)
    assert set(desired.whole) == {"tuning", "serving"}
    troubles: dict[Role, Trouble] = {"serving": TROUBLE, "tuning": TROUBLE}
    assert not desired.without(troubles).whole
    assert without_starts(decided(START), troubles).actions == ()
    workloads = blocked(observed, troubles)
    assert (workloads.serving.reason, workloads.serving.phase) == ("KindNotServed", "absent")
    assert workloads.tuning == observed.tuning


@pytest.mark.parametrize(
    ("outcomes", "needs_outcome", "phase", "reason"),
    [
        ([], False, "ready", ""),
        ([], True, "pending", ""),
        ([Ready()], True, "ready", ""),
        ([Ready(), Waiting("Slow", "m")], True, "pending", "Slow"),
        ([Waiting("Slow", "m"), Failed("invalid", "m", "Broken")], False, "failed", "Broken"),
        ([Failed("transient", "m")], True, "pending", "ServerFailed"),
    ],
)
def test_a_server_is_as_its_runtime_says(outcomes: list[Outcome], needs_outcome: bool, phase: str, reason: str) -> None:
    found = judged(Workload(phase="ready", endpoint="http://ws"), outcomes, needs_outcome=needs_outcome)
    assert (found.phase, found.reason, found.endpoint) == (phase, reason, "http://ws" if phase == "ready" else None)


def test_a_cause_that_pods_tell_comes_before_a_runtimes_waiting() -> None:
    found = Workload(phase="failed", reason="ContainerOOMKilled", message="m")
    assert judged(found, [Waiting("Slow", "m")], needs_outcome=True) == found
    assert judged(found, [Failed("invalid", "m", "Broken")], needs_outcome=True).reason == "Broken"
