"""What the Workspaces of a namespace may spend together."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.errors import LimitExceeded
from llmwright.settings.model import Limits
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.plans.budget import Budget, recorded_costs
from llmwright.values.nodes import NodeRequest
from llmwright.values.plan import Choice, Cost, Plan


def plan(name: str, usd: float | None) -> Plan:
    return Plan(
        workspace=name,
        namespace="ns",
        inputs="i",
        target="kubernetes",
        preset="p",
        provisioner=Choice(name="byo", why=""),
        nodes=NodeRequest(namespace="ns", workspace=name, count=1),
        cost=Cost(usd_per_hour=usd),
    )


class Namespace:
    """A namespace with a limit, and what its Workspaces have on record."""

    def __init__(self, limit: float | None, recorded: dict[Key, float | None] | None = None) -> None:
        self.memory = Memory()
        self.budget = Budget(self.memory, lambda _: Limits(total_usd_per_hour=limit), lambda _: recorded or {})

    def admit(self, name: str, usd: float | None, *, recorded: bool = False) -> list[str]:
        """Admit the Plan of one Workspace; returns the names of those that are asked again."""
        key = ("ns", name)
        again = self.budget.admit(key, self.memory.of(key), plan(name, usd), recorded=recorded)
        return [name for _, name in again]

    def gives_back(self, name: str) -> list[str]:
        """Have one give its nodes back; returns the names of those that are asked again."""
        key = ("ns", name)
        return [name for _, name in self.budget.gave_back(key, self.memory.of(key))]

    def delete(self, name: str) -> list[str]:
        """Delete a Workspace; returns the names of those that are asked again."""
        key = ("ns", name)
        return [name for _, name in self.budget.freed(key, self.memory.forget(key))]


def test_a_limit_holds_for_all_workspaces_of_a_namespace_together() -> None:
    namespace = Namespace(10.0, {("ns", "old"): 4.0})
    namespace.admit("a", 4.0)
    with pytest.raises(LimitExceeded) as refused:
        namespace.admit("b", 4.0)
    said = "namespace ns may spend 10 USD per hour on machines, and spends 8 (a 4, old 4): 4 USD per hour more would"
    assert said in refused.value.message
    with pytest.raises(LimitExceeded, match="unknown"):
        namespace.admit("c", None)
    assert namespace.delete("old") == ["b", "c"]
    namespace.admit("b", 4.0)


def test_of_many_that_spend_the_dearest_are_named() -> None:
    namespace = Namespace(20.0, {("ns", f"w{number}"): float(number) for number in range(7)})
    with pytest.raises(LimitExceeded, match=r"spends 21 \(w6 6, w5 5, w4 4, w3 3, w2 2 and 1 more\): 1 USD"):
        namespace.admit("b", 1.0)
    with pytest.raises(LimitExceeded, match="spends nothing yet: 4 USD"):
        Namespace(1.0).admit("b", 4.0)


def test_what_runs_counts_while_a_change_of_it_is_refused() -> None:
    namespace = Namespace(10.0)
    namespace.admit("a", 4.0)
    with pytest.raises(LimitExceeded):
        namespace.admit("a", 40.0)
    with pytest.raises(LimitExceeded):
        namespace.admit("b", 7.0)
    namespace.admit("a", 3.0)
    namespace.admit("b", 7.0)


def test_one_that_is_stopped_or_gives_its_nodes_back_makes_room() -> None:
    namespace = Namespace(8.0)
    assert namespace.admit("a", 4.0) == []
    assert namespace.admit("b", 4.0) == []
    for name in "cd":
        with pytest.raises(LimitExceeded):
            namespace.admit(name, 4.0)
    assert namespace.admit("a", 0.0) == ["c", "d"], "it is stopped"
    assert namespace.admit("c", 4.0) == []
    with pytest.raises(LimitExceeded):
        namespace.admit("d", 4.0)
    with pytest.raises(LimitExceeded):
        namespace.admit("a", 4.0)
    assert sorted(namespace.gives_back("b")) == ["a", "d"]
    assert namespace.gives_back("b") == []
    assert namespace.admit("a", 4.0) == []


def test_what_the_status_records_counts_by_its_nodes() -> None:
    class Prices:
        def usd_per_hour(self, instance_type: str, nodes: int) -> float | None:
            return 4.0 * nodes

    def workspace(name: str, nodes: int | None, reason: str) -> dict[str, Any]:
        conditions = [{"type": "ResourceReady", "reason": reason}]
        recorded = {"instanceType": "t"} if nodes is None else {"instanceType": "t", "nodes": nodes}
        return {
            "metadata": {"name": name, "namespace": "ns"},
            "status": {"plan": recorded, "conditions": conditions},
        }

    found = [workspace("serves", 2, "Ready"), workspace("old", None, "Ready"), workspace("stopped", 0, "ScaledToZero")]
    costs = recorded_costs([*found, workspace("tuned", 1, "Released")], "ns", Prices())
    assert costs == {("ns", "serves"): 8.0, ("ns", "old"): 4.0, ("ns", "stopped"): 0.0}


def test_what_was_admitted_before_stays_admitted() -> None:
    namespace = Namespace(1.0, {("ns", "old"): 4.0})
    namespace.admit("old", 4.0, recorded=True)
    Namespace(None).admit("a", None)


def test_a_workspace_that_spent_nothing_frees_nothing() -> None:
    namespace = Namespace(1.0)
    with pytest.raises(LimitExceeded):
        namespace.admit("b", 4.0)
    namespace.memory.of(("ns", "a"))
    assert namespace.delete("a") == []


def test_a_plan_that_is_made_after_its_workspace_is_gone_does_not_count() -> None:
    namespace, key = Namespace(5.0), ("ns", "gone")
    record = namespace.memory.of(key)
    namespace.delete("gone")
    namespace.budget.admit(key, record, plan("gone", 4.0), recorded=False)
    namespace.admit("a", 4.0)
