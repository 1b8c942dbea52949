"""After a Workspace is gone, nothing of it is left in the operator."""

from __future__ import annotations

import gc
import logging
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, ClassVar, cast

import pytest
from tests.simulation import kinds
from tests.simulation.in_threads import ServerInThreads
from tests.support.waiting import wait_until

from llmwright.errors import TargetError
from llmwright.plan.fixed_fields import CarriedOut
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.plugins.hooks import Hooks
from llmwright.settings.model import Settings
from llmwright.targets.kubernetes.operator.memory import Memory, WorkspaceMemory
from llmwright.targets.kubernetes.operator.plans.plans import Planner
from llmwright.targets.kubernetes.operator.process.operator import Operator
from llmwright.testing.simulation.storage import Object, Refused, Storage
from llmwright.values.launch import Launch, Process
from llmwright.values.nodes import Node, NodeRequest, ProvisionerAction, ProvisionerDecision, Ready, Waiting
from llmwright.values.plan import Choice, Cost, Plan, Target

MARK = "shortlived"
WIDGETS = kinds.Kind("example.com", "v1", "widgets", "Widget", has_status=False)
SERVES, WRONG, COSTLY = f"{MARK}-serves", f"{MARK}-wrong", f"{MARK}-costly"


class Machines(Provisioner):
    """Has a machine for each Workspace that asked twice: the first act is refused."""

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})

    def __init__(self) -> None:
        super().__init__(Context(lambda: datetime.now(UTC)))
        self.asked: dict[str, int] = {}

    def observe(self, request: NodeRequest, snapshot: Any) -> tuple[str, bool]:
        return request.workspace, self.asked.get(request.workspace, 0) > 1

    def decide(self, request: NodeRequest, observed: tuple[str, bool], now: datetime) -> ProvisionerDecision:
        name, held = observed
        if bool(request.count) == held:
            return ProvisionerDecision(outcome=Ready((Node(name="machine"),) if held else ()))
        action = ProvisionerAction(verb="create" if request.count else "delete", name=name)
        return ProvisionerDecision(outcome=Waiting("Waiting", "for a machine"), actions=(action,))

    def act(self, action: ProvisionerAction) -> None:
        if action.verb == "delete":
            del self.asked[action.name]
            return
        self.asked[action.name] = self.asked.get(action.name, 0) + 1
        if self.asked[action.name] == 1:
            raise TargetError("no machine now")


class OnePlan:
    """Plans the same server for every Workspace; the hub is asked for each."""

    def admit_plan(self, workspace: Any, plan: Any) -> None:
        """Admit all."""

    def admit(self, workspace: Any, files: Any) -> None:
        """Admit all."""

    def plan(self, workspace: Any, files: Any, nodes: Any, machine: Any) -> Plan:
        return Plan(
            workspace=workspace.name,
            namespace="ns",
            inputs="i",
            target="kubernetes",
            preset="p",
            provisioner=Choice(name="machines", why=""),
            nodes=NodeRequest(namespace="ns", workspace=workspace.name, count=1),
            serving=Launch(main=Process(name="run", argv=("run",)), ports={"http": 5000}),
            cost=Cost(usd_per_hour=9.0 if workspace.name == COSTLY else 0.5),
        )

    read_names: ClassVar[frozenset[str]] = frozenset()

    def carried_out(self, workspace: Any, record: Any) -> CarriedOut:
        return CarriedOut(workspace)

    def as_recorded(self, plan: Plan, workspace: Any, record: Any) -> tuple[Plan, tuple[()]]:
        return plan, ()

    def nodes_are_brought(self, workspace: Any) -> bool:
        return False

    def asks_others(self, workspace: Any) -> bool:
        return True

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        return None


class Adding:
    """Adds a Widget to each server: of one Workspace a wrong one."""

    def revise(self, hook: str, name: str, objects: Any, *, workspace: Any, **_: Any) -> list[Any]:
        metadata = {"name": workspace.name, "namespace": "ns"}
        spec = {"wrong" if workspace.name == WRONG else "unknown": 1}
        return [{"apiVersion": WIDGETS.api_version, "kind": "Widget", "metadata": metadata, "spec": spec}, *objects]


def admit(kind: kinds.Kind, body: Object) -> Object:
    """Widgets as their CRD has them: what it does not know is dropped, and ``spec.wrong`` is refused."""
    if kind is not WIDGETS:
        return body
    if "wrong" in body["spec"]:
        raise Refused(422, "Invalid", "Widget is invalid: spec.wrong")
    return {**body, "spec": {}}


@pytest.fixture
def server() -> Iterator[ServerInThreads]:
    server = ServerInThreads((*kinds.ALL, WIDGETS), admit)
    yield server
    server.close()


@pytest.fixture
def machines() -> Machines:
    return Machines()


@pytest.fixture
def operator(server: ServerInThreads, machines: Machines) -> Iterator[Operator]:
    settings = Settings.model_validate(
        {"preflight": False, "limits": {"totalUsdPerHour": 5}, "provisioner": "machines"}
    )
    operator = Operator(
        server.api(),
        settings,
        cast(Planner, OnePlan()),
        lambda name: machines,
        cast(Hooks, Adding()),
        lambda workspace, old, new: None,
    )
    operator.start()
    yield operator
    operator.stop()


def test_nothing_of_a_workspace_is_left_when_it_is_gone(server: ServerInThreads, operator: Operator) -> None:
    config = {"metadata": {"namespace": "ns", "name": f"{MARK}-config"}, "data": {"a": "b"}}
    server.do(lambda storage: storage.create(kinds.CONFIG_MAPS, config, "user"))
    for name in (SERVES, WRONG, COSTLY):
        server.do(partial(create, body=workspace(name)))
    records = {name: operator._memory.of(("ns", name)) for name in (SERVES, WRONG, COSTLY)}
    parts = ("planned", "spending", "acts_done", "drift", "config_files")
    wait_until(lambda: remembers(records[SERVES], *parts), "all parts are remembered")
    wait_until(lambda: remembers(records[WRONG], "refused_objects"), "an object is refused")
    wait_until(lambda: remembers(records[COSTLY], "over_budget"), "one is over budget")
    assert traces(operator, server)

    for name in (SERVES, WRONG, COSTLY):
        server.do(partial(delete, name=name))
    server.do(lambda storage: storage.delete(kinds.CONFIG_MAPS, ("ns", f"{MARK}-config")))
    wait_until(lambda: not server.do(lambda storage: storage.all(kinds.WORKSPACES)), "the Workspaces are gone")
    records.clear()
    with suppress(AssertionError):
        wait_until(lambda: not traces(operator, server), "nothing is left", timeout_s=20.0)
    assert traces(operator, server) == []


def test_a_task_that_ends_late_writes_into_no_record() -> None:
    memory, key = Memory(), ("ns", "ws")
    late = memory.of(key)
    assert memory.forget(key) is late
    late.over_budget = True
    assert memory.find(key) is None
    assert not memory.of(key).over_budget


def create(storage: Storage, body: Object) -> None:
    storage.create(kinds.WORKSPACES, body, "user")


def delete(storage: Storage, name: str) -> None:
    storage.delete(kinds.WORKSPACES, ("ns", name))


def workspace(name: str) -> dict[str, Any]:
    return {
        "metadata": {"namespace": "ns", "name": name},
        "resource": {"instanceType": "m", "labelSelector": {"matchLabels": {"apps": name}}},
        "inference": {"preset": {"name": "p"}, "config": f"{MARK}-config"},
    }


def remembers(record: WorkspaceMemory, *parts: str) -> bool:
    return all(getattr(record, part) for part in parts)


def traces(operator: Operator, server: ServerInThreads) -> list[str]:
    """Return the texts that name a Workspace in all that the operator refers to.

    What the API server, the cloud and the tests' log hold is theirs. The queue is left out: a name may wait there for
    its time, and the pass that comes then finds nothing and ends.
    """
    seen, texts = {id(server), id(operator.queue)}, []
    todo: list[Any] = [operator]
    while todo:
        item = todo.pop()
        if id(item) in seen or isinstance(item, type | ModuleType | Machines | logging.Logger):
            continue
        seen.add(id(item))
        if isinstance(item, str) and MARK in item:
            texts.append(item)
        elif isinstance(item, FunctionType):
            todo += [item.__closure__, item.__defaults__]
        else:
            todo += gc.get_referents(item)
    return texts
