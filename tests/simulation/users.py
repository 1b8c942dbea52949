"""What the steps of a schedule do."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.simulation.forms import FORMS, INSTANCE_TYPE, LENGTHS, Wish, first_wish, workspace_of
from tests.simulation.node_source import KEYS
from tests.simulation.scenarios import Scenario, Step, edited
from tests.simulation.schedule import Simulation

from llmwright.testing.simulation.storage import Object

ROLLOUT = "llmwright.io/rollout"


def user(simulation: Simulation, plan: Scenario, name: str) -> Callable[[], None]:
    """Return what one user does: one step after the other, each not before the one before it is done."""
    wishes: dict[str, Wish] = {}

    def act() -> None:
        for step in plan.steps:
            if step.name == name:
                simulation.timeline.pause(step.at - simulation.timeline.now)
                _take(simulation, wishes, step)

    return act


def _take(simulation: Simulation, wishes: dict[str, Wish], step: Step) -> None:
    if step.action in ACCIDENTS:
        ACCIDENTS[step.action](simulation, step)
    elif step.action == "apply":
        _make(simulation, wishes, step)
    elif step.action == "delete":
        wishes.pop(step.name, None)
        simulation.delete(step.name)
    elif step.name in wishes and simulation.find(step.name) is not None:
        before, wishes[step.name] = wishes[step.name], edited(wishes[step.name], step)
        _edit(simulation, before, wishes[step.name], step)


def _make(simulation: Simulation, wishes: dict[str, Wish], step: Step) -> None:
    """Make a Workspace, once one of that name that is on its way out is gone, or change one that is there."""
    wish = first_wish(step.form, step.value)
    simulation.delete(step.name)
    simulation.timeline.wait(lambda: simulation.find(step.name) is None, None)
    wishes[step.name] = wish
    simulation.world.failing.discard(step.name)
    simulation.witness.expect(step.name, wish.nodes, fresh=True)
    simulation.apply(workspace_of(step.name, wish))


def _edit(simulation: Simulation, before: Wish, wish: Wish, step: Step) -> None:
    body: Object = {"metadata": {"name": step.name}}
    if step.action == "bad data" and wish.fails:
        simulation.world.failing.add(step.name)
    if step.action == "scale" and wish != before:
        simulation.witness.expect(step.name, wish.nodes, fresh=False)
        body["inference"] = {"replicas": wish.replicas}
    elif step.action == "length" and FORMS[wish.form].lengths:
        body["inference"] = {"runtimeConfig": {"maxModelLen": LENGTHS[step.value % len(LENGTHS)]}}
    elif step.action == "runtime" and wish != before:
        body["inference"] = {"runtime": wish.runtime or None}
    elif wish.source != before.source:
        options = {**dict.fromkeys(KEYS), **wish.source.options}
        body["resource"] = {"provisioner": wish.source.provisioner or None, "provisionerConfig": options}
    elif step.action == "label":
        body["metadata"]["labels"] = {"touched": str(step.value)}
    elif step.action == "rollout":
        body["metadata"]["annotations"] = {ROLLOUT: str(step.value)}
    simulation.apply(body)


def _node(simulation: Simulation, step: Step) -> Object | None:
    nodes = simulation.world.nodes()
    return nodes[step.value % len(nodes)] if nodes else None


def _to_node(happens: Callable[[Simulation, Object], None]) -> Callable[[Simulation, Step], None]:
    def accident(simulation: Simulation, step: Step) -> None:
        node = _node(simulation, step)
        if node is not None:
            happens(simulation, node)

    return accident


ACCIDENTS: Mapping[str, Callable[[Simulation, Step], None]] = {
    "bring": lambda simulation, step: simulation.world.bring(step.name, step.value),
    "lose node": _to_node(lambda simulation, node: simulation.world.lose(node)),
    "vanish": _to_node(lambda simulation, node: simulation.world.vanish(node)),
    "away": _to_node(lambda simulation, node: simulation.world.send_away(node)),
    "no capacity": lambda simulation, _: simulation.world.no_capacity.add(INSTANCE_TYPE),
    "sold out": lambda simulation, _: simulation.world.no_capacity.add(INSTANCE_TYPE),
    "capacity": lambda simulation, _: simulation.world.no_capacity.clear(),
    "compact": lambda simulation, _: simulation.storage.compact(),
    "kill": lambda simulation, _: simulation.kill(),
    "lag": lambda simulation, step: setattr(simulation.server, "watch_lag", step.value),
}
