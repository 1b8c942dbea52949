"""Instance types that a cloud has none of: the next of the user's list is tried, and nothing of the first is left."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any
from unittest import mock

import pytest
from tests.simulation import kinds, third_party
from tests.simulation.forms import INSTANCE_TYPE, first_wish, workspace_of
from tests.simulation.network import Faults
from tests.simulation.schedule import Simulation, workspace
from tests.simulation.world import Pace

from llmwright.testing.simulation.storage import Change, Object

MINUTES = 60.0
MODES = ("nodeclaim", "nodepool")
H100, TWO_A100 = "Standard_NC40ads_H100_v5", "Standard_NC48ads_A100_v4"
TYPES = {INSTANCE_TYPE: 1, H100: 1, TWO_A100: 2}
SOON = Pace(machine=(1.0, 3.0), drain=(0.5, 2.0))


class Machines:
    """The instance types of the machines that are there, noted with every change."""

    def __init__(self, simulation: Simulation) -> None:
        self.storage = simulation.storage
        self.mixed: list[set[str]] = []
        self._before = simulation.storage.changed
        simulation.storage.changed = self._note

    @property
    def types(self) -> list[str]:
        """The type of each machine that is there."""
        return [type_of(claim) for claim in self.storage.all(kinds.NODE_CLAIMS)]

    def _note(self, change: Change) -> None:
        self._before(change)
        if change.kind == kinds.NODE_CLAIMS and len(kinds_there := set(self.types)) > 1:
            self.mixed.append(kinds_there)


def type_of(claim: Object) -> str:
    requirements = {item["key"]: item.get("values") for item in claim["spec"]["requirements"]}
    return str(requirements["node.kubernetes.io/instance-type"][0])


def written(replicas: int = 1, types: str = f"{INSTANCE_TYPE}, {H100}, {TWO_A100}") -> Object:
    body = workspace("ws", replicas)
    return {**body, "resource": {**body["resource"], "instanceType": types}}


def status_of(simulation: Simulation) -> Any:
    return simulation.storage.get(kinds.WORKSPACES, ("default", "ws")).get("status") or {}


def condition(simulation: Simulation, kind: str) -> Object:
    conditions = status_of(simulation).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def is_ready(simulation: Simulation) -> bool:
    return bool(condition(simulation, "Ready").get("status") == "True")


def refused(simulation: Simulation) -> list[str]:
    return [each["instanceType"] for each in status_of(simulation)["plan"].get("refused", [])]


def fallback(seed: int, mode: str = "nodeclaim", *, without: tuple[str, ...], pace: Pace = SOON) -> Simulation:
    simulation = Simulation(seed, mode=mode, pace=pace)
    simulation.world.gpus = TYPES
    simulation.world.no_capacity.update(without)
    return simulation


@pytest.mark.parametrize("mode", MODES)
def test_the_next_type_is_tried_and_the_status_says_why(mode: str) -> None:
    simulation = fallback(21, mode, without=(INSTANCE_TYPE,))
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written(2))
        simulation.timeline.run(3 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert machines.types == [H100, H100]
        assert machines.mixed == []
        plan = status_of(simulation)["plan"]
        assert (plan["instanceType"], plan["alternatives"], refused(simulation)) == (H100, [TWO_A100], [INSTANCE_TYPE])
        told = condition(simulation, "InstanceTypeRefused")
        assert (told["status"], told["reason"]) == ("True", "InsufficientCapacity")
        assert "insufficient capacity, none in any zone" in told["message"]
        assert f"{H100} is used instead" in told["message"]
        simulation.delete("ws")
        simulation.timeline.run(simulation.timeline.now + 2 * MINUTES, lambda: simulation.find("ws") is None)
        assert simulation.find("ws") is None
        assert machines.types == []


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(2))
def test_an_operator_that_is_killed_anywhere_in_between_ends_the_same(mode: str, seed: int) -> None:
    simulation = fallback(30 + seed, mode, without=(INSTANCE_TYPE, H100))
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written())
        for _ in range(3):
            simulation.timeline.run(simulation.timeline.now + simulation.timeline.random.uniform(0.5, 6.0))
            simulation.kill()
        simulation.timeline.run(simulation.timeline.now + 6 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert machines.types == [TWO_A100]
        assert machines.mixed == []
        assert refused(simulation) == [INSTANCE_TYPE, H100]


@pytest.mark.parametrize("mode", MODES)
def test_with_none_left_all_are_named_and_all_are_tried_again(mode: str) -> None:
    simulation = fallback(41, mode, without=tuple(TYPES))
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written())
        simulation.timeline.run(3 * MINUTES)
        told = condition(simulation, "ResourceReady")
        assert told["status"] == "False"
        assert told["reason"] in ("InsufficientCapacity", "CircuitOpen")
        assert all(name in told["message"] for name in (INSTANCE_TYPE, H100))
        assert condition(simulation, "Stalled")["status"] == "True"
        assert refused(simulation) == list(TYPES)
        simulation.world.no_capacity.discard(INSTANCE_TYPE)
        simulation.timeline.run(simulation.timeline.now + 20 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert machines.types == [INSTANCE_TYPE]
        assert machines.mixed == []


def test_what_serves_is_not_given_up_for_a_copy_that_finds_no_machine() -> None:
    simulation = fallback(51, without=())
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written(1))
        simulation.timeline.run(3 * MINUTES, lambda: is_ready(simulation))
        simulation.world.no_capacity.add(INSTANCE_TYPE)
        simulation.apply(written(2))
        simulation.timeline.run(simulation.timeline.now + 3 * MINUTES)
        assert machines.types == [INSTANCE_TYPE]
        assert refused(simulation) == []
        assert condition(simulation, "ResourceReady")["reason"] == "InsufficientCapacity"


def test_a_machine_that_is_lost_for_good_is_replaced_by_the_next_type() -> None:
    simulation = fallback(52, without=())
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written(1))
        simulation.timeline.run(3 * MINUTES, lambda: is_ready(simulation))
        simulation.world.no_capacity.add(INSTANCE_TYPE)
        (node,) = simulation.world.nodes()
        simulation.world.lose(node)
        simulation.timeline.run(simulation.timeline.now + MINUTES)
        simulation.timeline.run(simulation.timeline.now + 5 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert machines.types == [H100]


def test_a_tuning_that_is_done_is_not_done_again_on_the_next_type() -> None:
    simulation = fallback(81, without=(INSTANCE_TYPE,))
    jobs: list[str] = []
    noted = simulation.storage.changed

    def note(change: Change) -> None:
        noted(change)
        if change.kind == kinds.JOBS and change.before is None and change.after is not None:
            jobs.append(change.after["metadata"]["name"])

    simulation.storage.changed = note
    body = workspace_of("ws", first_wish("tuning"))
    body["resource"] |= {"instanceType": f"{INSTANCE_TYPE}, {H100}, {TWO_A100}"}
    with simulation.going():
        simulation.apply(body)
        simulation.timeline.run(15 * MINUTES, lambda: is_ready(simulation))
        assert refused(simulation) == [INSTANCE_TYPE]
        simulation.world.no_capacity.add(H100)
        (node,) = simulation.world.nodes()
        simulation.world.lose(node)
        simulation.timeline.run(simulation.timeline.now + MINUTES)
        simulation.timeline.run(simulation.timeline.now + 15 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert refused(simulation) == [INSTANCE_TYPE, H100]
        assert jobs == ["ws"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("seed", range(2))
def test_a_workspace_that_is_deleted_while_it_falls_back_leaves_nothing(mode: str, seed: int) -> None:
    simulation = fallback(60 + seed, mode, without=(INSTANCE_TYPE, H100))
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written())
        simulation.timeline.run(2.0 + 2.5 * seed)
        simulation.delete("ws")
        simulation.timeline.run(simulation.timeline.now + 2 * MINUTES, lambda: simulation.find("ws") is None)
        assert simulation.find("ws") is None
        assert machines.types == []
        assert simulation.storage.all(kinds.NODE_POOLS) == []


@pytest.mark.parametrize("kill", [False, True])
def test_a_cloud_outside_that_refuses_the_act_is_asked_for_the_next_type(kill: bool) -> None:
    simulation = fallback(71, without=())
    body = written(2, f"{INSTANCE_TYPE}, {TWO_A100}, {H100}")
    body["resource"] |= {"provisioner": "acme"}
    cloud = simulation.cloud
    cloud.sold_out.update((INSTANCE_TYPE, TWO_A100))
    with simulation.going():
        simulation.apply(body)
        if kill:
            simulation.timeline.run(4.0)
            simulation.kill()
        simulation.timeline.run(20 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert {cloud.types[name] for name in cloud.machines} == {H100}
        assert refused(simulation) == [INSTANCE_TYPE, TWO_A100]
        assert f"no {TWO_A100} is left" in condition(simulation, "InstanceTypeRefused")["message"]


def test_machines_that_were_had_before_the_refusal_are_given_back_first() -> None:
    simulation = fallback(72, without=())
    body = written(2)
    body["resource"] |= {"provisioner": "acme"}
    cloud = simulation.cloud
    had: list[tuple[str, str, Any]] = []

    def act(driver: Any, action: Any, own: Any = third_party.AcmeProvisioner._act) -> None:
        if had and action.verb == "create" and action.body["type"] == INSTANCE_TYPE:
            cloud.sold_out.add(INSTANCE_TYPE)
        own(driver, action, cloud)
        had.append((action.verb, action.name, action.body.get("type")))

    with (
        simulation.going(),
        mock.patch.object(third_party.AcmeProvisioner, "_act", lambda driver, action, _: act(driver, action)),
    ):
        simulation.apply(body)
        simulation.timeline.run(20 * MINUTES, lambda: is_ready(simulation))
        assert is_ready(simulation)
        assert had[:2] == [("create", "default-ws-0", INSTANCE_TYPE), ("delete", "default-ws-0", None)]
        assert {cloud.types[name] for name in cloud.machines} == {H100}


FAULTS_S = 4 * MINUTES


def tried_at_length(seeds: Iterable[int]) -> list[Any]:
    """Return the schedules that ``make test-long`` tries beside the others."""
    return [pytest.param(seed, marks=pytest.mark.slow) for seed in seeds]


def disturbed(seed: int) -> list[str]:
    """Return what is wrong after faults, kills, edits and a cloud that has now this type, now that: in words."""
    mode = MODES[seed % 2]
    faults = Faults(refused=0.08, lost=0.08, dropped=0.03, slow=0.05, broken_watch=0.02, killed=0.01)
    simulation = Simulation(seed, mode=mode, faults=faults, pace=SOON)
    simulation.world.gpus = TYPES
    random, sold_out = simulation.timeline.random, simulation.world.no_capacity
    machines = Machines(simulation)
    with simulation.going():
        simulation.apply(written(replicas := random.choice((1, 2))))
        while simulation.timeline.now < FAULTS_S:
            if random.random() < 0.3:
                simulation.apply(written(replicas := random.choice((1, 2))))
            sold_out.clear()
            sold_out.update(random.sample([*TYPES], random.randrange(len(TYPES) + 1)))
            simulation.timeline.run(simulation.timeline.now + random.uniform(5.0, 60.0))
        # Copies that serve are not given up for one that finds no machine: it waits for its own type.
        held = {*machines.types}
        sold_out.clear()
        sold_out.update({*random.sample([*TYPES], random.randrange(len(TYPES)))} - held)
        simulation.calm()
        as_asked = lambda: is_ready(simulation) and len(machines.types) == replicas  # noqa: E731
        simulation.timeline.run(FAULTS_S + 3 * 60 * MINUTES, as_asked)
        troubles = [] if is_ready(simulation) else [f"not ready: {condition(simulation, 'Ready')}"]
        types = set(machines.types)
        troubles += (
            [f"{len(machines.types)} machines, {replicas} are wanted"] if len(machines.types) != replicas else []
        )
        troubles += [f"machines of {types}"] if len(types) != 1 else []
        troubles += [f"at one time machines of {kinds_there}" for kinds_there in machines.mixed]
        chosen = status_of(simulation)["plan"].get("instanceType")
        troubles += [f"{types} are there, {chosen} is on record"] if types != {chosen} else []
        simulation.delete("ws")
        simulation.timeline.run(simulation.timeline.now + 30 * MINUTES, lambda: simulation.find("ws") is None)
        troubles += [f"left over: {machines.types}"] if machines.types or simulation.find("ws") else []
    return troubles


@pytest.mark.parametrize("seed", [1005, 100, *tried_at_length(range(101, 121))])
def test_with_faults_anywhere_it_ends_with_machines_of_one_type_and_leaves_nothing(seed: int) -> None:
    assert disturbed(seed) == []
