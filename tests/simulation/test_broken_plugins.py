"""A plugin that breaks costs its own Workspace alone: it is named, tried again ever more rarely, and can be deleted."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from tests.simulation import kinds, third_party
from tests.simulation.schedule import Simulation, workspace

from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.errors import TargetError
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.testing.simulation.storage import Object
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner

MINUTES = 60.0
METHODS = ("observe", "decide", "act", "placement")
ERRORS = (KeyError("gpu"), SystemExit(2))


class Breaking:
    """Stands for a method that breaks for the Workspace ``bad`` alone; ``times`` counts how often."""

    def __init__(self, method: Callable[..., Any], error: BaseException) -> None:
        self.method, self.error, self.times = method, error, 0

    def __get__(self, driver: Any, _: Any) -> Callable[..., Any]:
        def called(*arguments: Any) -> Any:
            if "bad" in str(arguments[0]):
                self.times += 1
                raise self.error
            return self.method(driver, *arguments)

        return called


def conditions(simulation: Simulation, name: str) -> dict[str, Object]:
    live = simulation.storage.get(kinds.WORKSPACES, ("default", name))
    return {condition["type"]: condition for condition in (live.get("status") or {}).get("conditions") or []}


def is_ready(simulation: Simulation, name: str) -> bool:
    return conditions(simulation, name).get("Ready", {}).get("status") == "True"


def is_gone(simulation: Simulation, name: str) -> bool:
    return simulation.storage.find(kinds.WORKSPACES, ("default", name)) is None


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", METHODS)
def test_a_method_that_breaks_is_named_and_rests(
    monkeypatch: pytest.MonkeyPatch, method: str, error: BaseException
) -> None:
    breaking = Breaking(getattr(KarpenterProvisioner, method), error)
    monkeypatch.setattr(KarpenterProvisioner, method, breaking)
    simulation = Simulation(3)
    with simulation.going():
        simulation.apply(workspace("bad"))
        simulation.apply(workspace("good"))
        simulation.timeline.run(5 * MINUTES, lambda: is_ready(simulation, "good"))
        assert is_ready(simulation, "good")
        simulation.timeline.run(10 * MINUTES)
        told = conditions(simulation, "bad")["Ready"]
        assert (told["status"], told["reason"]) == ("False", "PluginContract")
        assert "provisioner 'karpenter' of llmwright-provisioner-karpenter" in told["message"]
        assert f"failed in {method}: {type(error).__name__}" in told["message"]
        assert 1 <= breaking.times <= 12
        simulation.delete("bad")
        simulation.timeline.run(simulation.timeline.now + 10 * MINUTES, lambda: is_gone(simulation, "bad"))
        assert is_gone(simulation, "bad")
        assert is_ready(simulation, "good")


@pytest.mark.parametrize("method", ["observe", "decide"])
def test_what_is_ready_stands_by_what_is_known_while_its_provisioner_breaks(
    monkeypatch: pytest.MonkeyPatch, method: str
) -> None:
    simulation = Simulation(7)
    with simulation.going():
        simulation.apply(workspace("bad"))
        simulation.timeline.run(5 * MINUTES, lambda: is_ready(simulation, "bad"))
        breaking = Breaking(getattr(KarpenterProvisioner, method), KeyError("gpu"))
        monkeypatch.setattr(KarpenterProvisioner, method, breaking)
        pods = [pod for pod in simulation.storage.all(kinds.PODS) if pod["metadata"]["name"].startswith("bad")]
        # Anything that changes calls for a pass.
        simulation.world.patch(kinds.PODS, pods[0], {"metadata": {"annotations": {"touched": "yes"}}})
        simulation.timeline.run(simulation.timeline.now + 10 * MINUTES)
        assert breaking.times >= 1
        assert is_ready(simulation, "bad")
        nodes = conditions(simulation, "bad")["NodesReady"]
        assert nodes["status"] == "True"
        assert f"failed in {method}: KeyError: 'gpu'" in nodes["message"]
        simulation.delete("bad")
        simulation.timeline.run(simulation.timeline.now + 10 * MINUTES, lambda: is_gone(simulation, "bad"))
        assert is_gone(simulation, "bad")


def rented(name: str) -> Object:
    """Return a Workspace on a machine of the cloud outside the cluster."""
    body = workspace(name)
    selector = {"matchLabels": {"apps": name}}
    return {**body, "resource": {**body["resource"], "provisioner": "acme", "labelSelector": selector}}


def test_a_machine_that_is_lost_every_ten_seconds_opens_the_circuit() -> None:
    simulation = Simulation(8)

    def lose() -> None:
        while True:
            simulation.timeline.pause(10.0)
            simulation.cloud.machines.clear()

    with simulation.going():
        simulation.timeline.spawn(lose, "thief", "world")
        simulation.apply(rented("bad"))
        reasons: set[str] = set()

        def is_open() -> bool:
            reason = str(conditions(simulation, "bad").get("Ready", {}).get("reason"))
            reasons.add(reason)
            return reason == "CircuitOpen"

        simulation.timeline.run(60 * MINUTES, is_open)
        told = conditions(simulation, "bad")
        assert {"BackingOff", "CircuitOpen"} <= reasons
        assert told["Stalled"]["status"] == "True"
        assert (
            "lost 5 times in a row, the last time with MachinesComing: 1 machines asked for"
            in (told["Stalled"]["message"])
        )
        bought = len([call for call in simulation.requests if call[1].startswith("create")])
        assert bought <= 8
        simulation.timeline.run(simulation.timeline.now + 60 * MINUTES)
        assert len([call for call in simulation.requests if call[1].startswith("create")]) <= bought + 4


@pytest.mark.parametrize(
    "reason",
    ["QuotaExceeded", "InsufficientCapacity", "AuthorizationFailed", "InvalidRequest", "InstanceTypeRetired"],
)
def test_a_refusal_that_somebody_has_to_mend_stalls(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    def act(*_: Any) -> None:
        raise TargetError("the cloud says no", reason=reason)

    monkeypatch.setattr(third_party.AcmeProvisioner, "act", act)
    simulation = Simulation(9)
    with simulation.going():
        simulation.apply(rented("bad"))
        simulation.timeline.run(2 * MINUTES)
        told = conditions(simulation, "bad")
        assert (told["Stalled"]["status"], told["Stalled"]["reason"]) == ("True", reason)
        assert told["Stalled"]["message"] == "the cloud says no"
        monkeypatch.undo()
        simulation.timeline.run(20 * MINUTES, lambda: is_ready(simulation, "bad"))
        assert is_ready(simulation, "bad")


@pytest.mark.parametrize("asks_others", [False, True])
def test_a_plan_that_breaks_is_made_again_ever_more_rarely(monkeypatch: pytest.MonkeyPatch, asks_others: bool) -> None:
    calls: list[float] = []

    def plan(_: ClusterPlanner, *arguments: Any) -> Any:
        calls.append(simulation.timeline.now)
        raise ValueError("embedded null byte")

    monkeypatch.setattr(ClusterPlanner, "plan", plan)
    monkeypatch.setattr(ClusterPlanner, "asks_others", lambda *_: asks_others)
    simulation = Simulation(4)
    with simulation.going():
        simulation.apply(workspace("bad"))
        simulation.timeline.run(20 * MINUTES)
        told = conditions(simulation, "bad")["Ready"]
        assert told["reason"] == "InternalError"
        assert "ValueError: embedded null byte" in told["message"]
        assert 5 <= len(calls) <= 12
        before = len(calls)
        simulation.apply({"metadata": {"name": "bad"}, "inference": {"replicas": 2}})
        simulation.timeline.run(simulation.timeline.now + 1.0)
        assert len(calls) == before + 1
        simulation.delete("bad")
        simulation.timeline.run(simulation.timeline.now + MINUTES, lambda: is_gone(simulation, "bad"))
        assert is_gone(simulation, "bad")


def test_a_config_map_that_cannot_be_read_is_named_and_asked_for_ever_more_rarely(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[str] = []

    def find(_: Api, resource: Any, namespace: str, name: str) -> Object | None:
        asked.append(name)
        raise ApiError("GET configmaps: etcdserver: request timed out", code=500, reason="InternalError")

    monkeypatch.setattr(Api, "find", find)
    simulation = Simulation(5)
    with simulation.going():
        config = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "flags", "namespace": "default"}}
        simulation.storage.create(kinds.CONFIG_MAPS, {**config, "data": {}}, "user")
        body = workspace("bad")
        simulation.apply({**body, "inference": {**body["inference"], "config": "flags"}})
        simulation.timeline.run(10 * MINUTES)
        told = conditions(simulation, "bad")["Ready"]
        assert told["reason"] == "ConfigNotRead"
        assert "request timed out" in told["message"]
        assert 3 <= len(asked) <= 12


def test_a_pass_that_breaks_over_a_workspace_that_is_to_go_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    def leaving(*_: Any) -> Any:
        raise ZeroDivisionError

    simulation = Simulation(6)
    with simulation.going():
        simulation.apply(workspace("bad"))
        simulation.timeline.run(5 * MINUTES, lambda: is_ready(simulation, "bad"))
        monkeypatch.setattr("llmwright.targets.kubernetes.operator.observe.observer.Observer.leaving", leaving)
        simulation.delete("bad")
        simulation.timeline.run(simulation.timeline.now + 30 * MINUTES, lambda: is_gone(simulation, "bad"))
        assert is_gone(simulation, "bad")
        simulation.timeline.run(simulation.timeline.now + MINUTES)
        events = [event for event in simulation.storage.all(kinds.EVENTS) if event["reason"] == "NotReleased"]
        assert len(events) == 1
        assert "ZeroDivisionError" in events[0]["message"]
