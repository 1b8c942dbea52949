"""Two operators of unlike settings that run without leader election: their writes are bounded, and it is told once."""

from __future__ import annotations

from typing import Any

from kubernetes.client import Configuration
from tests.simulation import kinds
from tests.simulation.network import HOST
from tests.simulation.schedule import NODE_CLASS, Simulation, workspace
from tests.simulation.world import Pace

from llmwright.app.cluster_planner import ClusterPlanner
from llmwright.app.session import Session
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.operator.process.operator import Operator

MINUTES = 60.0


def begin_another(simulation: Simulation, **more: Any) -> None:
    """Start a second operator, with other settings."""
    plugins = {"provisioner": {"karpenter": {"nodeClassRef": NODE_CLASS, "mode": "nodeclaim"}}}
    written = {"preflight": False, "provisioner": "karpenter", "allowPlaceholders": True, "plugins": plugins, **more}
    session = Session(given_settings=Settings.model_validate(written))
    configuration = Configuration(host=HOST)
    configuration.verify_ssl = False
    api = Api(configuration)
    hooks, find = session.registry.hooks(), session.drivers.provisioner
    operator = Operator(
        api, session.settings, ClusterPlanner(session), lambda name: find(name, api), hooks, lambda *_: None
    )
    simulation.timeline.spawn(operator.start, "operator", "another operator")


def writes(simulation: Simulation, since: float, ending: str) -> int:
    return sum(1 for at, method, path in simulation.requests if at >= since and method == "PATCH" and ending in path)


def test_the_status_is_not_fought_over() -> None:
    simulation = Simulation(21, pace=Pace(machine=(1.0, 3.0)))
    with simulation.going():
        simulation.apply(workspace("ws"))
        simulation.timeline.run(2 * MINUTES)
        began = simulation.timeline.now
        begin_another(simulation, limits={"instanceTypes": ["Standard_Other"]})
        simulation.apply(workspace("ws", 2))
        simulation.timeline.run(began + 30 * MINUTES)
        assert 4 <= writes(simulation, began, "/workspaces/ws/status") <= 60
        told = [each for each in simulation.storage.all(kinds.EVENTS) if each["reason"] == "StatusContested"]
        assert 1 <= len(told) <= 2
        assert "leader election" in told[0]["message"]


def test_a_service_is_not_fought_over() -> None:
    simulation = Simulation(22, pace=Pace(machine=(1.0, 3.0)))
    with simulation.going():
        simulation.apply(workspace("ws"))
        simulation.timeline.run(2 * MINUTES)
        began = simulation.timeline.now
        simulation.apply({"metadata": {"name": "ws", "annotations": {"kaito.sh/enablelb": "True"}}})
        begin_another(simulation, endpoints={"public": True})
        simulation.timeline.run(began + 30 * MINUTES)
        assert 4 <= writes(simulation, began, "/services/ws") <= 60
