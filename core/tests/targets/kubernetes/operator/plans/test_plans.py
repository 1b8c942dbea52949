"""Which instance type comes after one that could not be had: the first that fits and that the limits allow."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, cast

from llmwright.api.document import Document, parse_workspace
from llmwright.api.status import PlanRecord, RefusedType, WorkspaceStatus
from llmwright.errors import InvalidWorkspace, LimitExceeded, Problem
from llmwright.plan.digest import inputs_digest
from llmwright.plan.fixed_fields import CarriedOut
from llmwright.settings.model import Limits
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.config_files import ConfigFiles
from llmwright.targets.kubernetes.operator.memory import Memory, Planned, WorkspaceMemory
from llmwright.targets.kubernetes.operator.plans.budget import Budget
from llmwright.targets.kubernetes.operator.plans.plans import Plans
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Cost, Plan

KEY: Key = ("ns", "ws")
PRICES = {"a": 2.0, "b": 20.0, "c": 3.0}
WORKSPACE = parse_workspace(
    Document(
        {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": "ws", "namespace": "ns", "uid": "1"},
            "resource": {"instanceType": "a, b, c, x"},
            "inference": {"preset": {"name": "phi-4"}},
        }
    )
)


class Planner:
    """Plans on each type with a price; on others nothing fits."""

    read_names: ClassVar[frozenset[str]] = frozenset()

    def admit(self, workspace: Any, files: Any) -> None:
        """Admit all."""

    def admit_plan(self, workspace: Any, plan: Any) -> None:
        """Admit all."""

    def plan(self, workspace: Any, files: Any, nodes: Any, machine: Any) -> Plan:
        name = workspace.resource.instance_type
        if name not in PRICES:
            raise InvalidWorkspace([Problem("resource.instanceType", "too small", reason="DoesNotFit")])
        return Plan(
            workspace="ws",
            namespace="ns",
            inputs="i",
            target="kubernetes",
            preset="phi-4",
            provisioner=Choice(name="acme", why=""),
            instance_type=Choice(name=name, why=""),
            nodes=NodeRequest(namespace="ns", workspace="ws", count=1, instance_type_name=name),
            cost=Cost(usd_per_hour=PRICES[name]),
        )

    def carried_out(self, workspace: Any, record: Any) -> CarriedOut:
        return CarriedOut(workspace)

    def as_recorded(self, plan: Plan, workspace: Any, record: Any) -> tuple[Plan, tuple[()]]:
        return plan, ()

    def nodes_are_brought(self, workspace: Any) -> bool:
        return False

    def asks_others(self, workspace: Any) -> bool:
        return False

    def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
        return PRICES.get(instance_type)

    def runtime(self, name: str) -> Any:
        raise AssertionError("no runtime is planned")


class NoConfigs:
    """No Workspace names a config."""

    def of(self, workspace: Any) -> Mapping[str, Mapping[str, str]]:
        return {}


def after_refusal(refused: list[str], alternatives: list[str], limit: float | None) -> Planned:
    """Return what is planned once ``refused`` were given up."""
    memory = Memory()
    budget = Budget(memory, lambda _: Limits(total_usd_per_hour=limit), lambda _: {})
    configs = cast(ConfigFiles, NoConfigs())
    plans = Plans(Planner(), memory, budget, configs, cast(Tasks, None), lambda _: [], lambda *_: None)
    record = PlanRecord(
        inputs=f"{inputs_digest(WORKSPACE, {})}.r1",
        target="kubernetes",
        preset="phi-4",
        provisioner="acme",
        alternatives=alternatives,
        refused=[RefusedType(instance_type=name, reason="QuotaExceeded", at="") for name in refused],
    )
    planned = plans.of(KEY, WORKSPACE, WorkspaceStatus(plan=record, target_node_count=1))
    assert planned is not None
    return planned


def test_the_first_that_fits_and_is_allowed_is_planned_and_the_others_are_named() -> None:
    planned = after_refusal(["a"], ["x", "b", "c"], limit=10.0)
    assert planned.plan is not None
    assert planned.plan.instance_type == Choice(name="c", why="")
    assert [(over.name, over.reason) for over in planned.plan.passed_over] == [
        ("x", "DoesNotFit"),
        ("b", "LimitExceeded"),
    ]
    assert planned.plan.alternatives == ()


def test_what_comes_after_it_is_kept() -> None:
    planned = after_refusal(["a"], ["b", "c"], limit=None)
    assert planned.plan is not None
    assert (planned.plan.nodes.instance_type_name, planned.plan.alternatives) == ("b", ("c",))


def test_where_no_other_is_allowed_the_refused_one_is_waited_for() -> None:
    planned = after_refusal(["a"], ["b"], limit=10.0)
    assert planned.plan is not None
    assert planned.plan.nodes.instance_type_name == "a"
    assert [over.name for over in planned.plan.passed_over] == ["b"]


def test_the_limit_is_kept_though_a_plan_is_on_record() -> None:
    planned = after_refusal(["a"], ["b"], limit=1.0)
    assert planned.trouble is not None
    assert planned.trouble.reason == "LimitExceeded"


def test_a_change_of_the_copies_keeps_the_type_of_the_machines() -> None:
    """Of a list the first is not taken anew, while machines of another are held."""
    memory = Memory()
    budget = Budget(memory, lambda _: Limits(), lambda _: {})
    plans = Plans(
        Planner(), memory, budget, cast(ConfigFiles, NoConfigs()), cast(Tasks, None), lambda _: [], lambda *_: None
    )
    record = PlanRecord(
        inputs="of another wish", target="kubernetes", preset="phi-4", provisioner="acme", instance_type="c", replicas=2
    )
    planned = plans.of(KEY, WORKSPACE, WorkspaceStatus(plan=record, target_node_count=2))
    assert planned is not None
    assert planned.plan is not None
    assert planned.plan.nodes.instance_type_name == "c"


OTHER: Key = ("ns", "other")
ON_ONE_TYPE = WORKSPACE.model_copy(update={"resource": WORKSPACE.resource.model_copy(update={"instance_type": "a"})})


class RoomIsMade(Budget):
    """Has another Workspace give its nodes back just after one was refused, and before that is remembered."""

    plans: Plans

    def admit(self, key: Key, record: WorkspaceMemory, plan: Plan, *, recorded: bool) -> list[Key]:
        try:
            return super().admit(key, record, plan, recorded=recorded)
        except LimitExceeded:
            self.plans.gave_back(OTHER)
            raise


def test_room_that_is_made_while_a_plan_is_refused_is_not_missed() -> None:
    memory, called = Memory(), list[Key]()
    budget = RoomIsMade(memory, lambda _: Limits(total_usd_per_hour=3.0), lambda _: {OTHER: 2.0})
    configs, tasks = cast(ConfigFiles, NoConfigs()), cast(Tasks, None)
    plans = budget.plans = Plans(
        Planner(), memory, budget, configs, tasks, lambda _: [], lambda key, _: called.append(key)
    )
    refused = plans.of(KEY, ON_ONE_TYPE, None)
    assert refused is not None
    assert refused.trouble is not None
    assert refused.trouble.reason == "LimitExceeded"
    # Once that other made room, and once its own answer was remembered.
    assert called == [KEY, KEY]
    admitted = plans.of(KEY, ON_ONE_TYPE, None)
    assert admitted is not None
    assert admitted.plan is not None
