from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plugins.provisioner_aks.tests.support.builders import make_request
from tests.arm.support.arm_errors import server_error
from tests.arm.support.faults import Fault, LoseResponse, Refuse, Reset, Throttle, Unreachable

from llmwright.errors import InvalidWorkspace, TargetError
from llmwright.testing.operation import Operation
from llmwright.values.nodes import LivingWorkspace, Ready, Waiting

WRITE = "Microsoft.ContainerService/managedClusters/agentPools/write"


def test_what_aks_would_refuse_is_refused_before_any_call(driver: Any, world: Any) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        driver.settled(make_request(count=3, config={"maxNodes": 2}))
    assert [problem.path for problem in refused.value.problems] == ["maxNodes"]
    assert world.cloud.calls == []


def test_spot_nodes_are_tolerated(driver: Any) -> None:
    (toleration,) = driver.placement(make_request(config={"capacityType": "spot"})).tolerations
    assert toleration["key"] == "kubernetes.azure.com/scalesetpriority"
    assert driver.placement(make_request()).tolerations == ()


def test_a_lifecycle_asks_for_quota_and_offer_first_and_lists_rarely(driver: Any, world: Any) -> None:
    operation = Operation(driver, world, make_request(count=2))
    operation.hold()
    operation.release()
    kinds = [call.kind for call in world.cloud.calls]
    assert kinds[:5] == ["clusters.get", "pools.list", "skus.list", "usages.list", "pools.put"]
    assert "operations.get" not in kinds
    assert kinds.count("pools.list") <= 7


@pytest.mark.parametrize("checked", ["put", "later"])
def test_a_quota_without_room_is_told_with_its_figures(driver: Any, world: Any, checked: str) -> None:
    world.cloud.quota_checked = checked
    world.cloud.quotas["StandardNCADSA100v4Family"].limit = 24
    operation = Operation(driver, world, make_request(count=2))
    operation.step()
    (refusal,) = operation.refusals
    assert refusal.reason == "QuotaExceeded"
    assert "limit 24, used 0; 2 x Standard_NC24ads_A100_v4 needs 48 cores" in str(refusal)
    assert world.owned() == {}


def test_a_missing_role_is_named(driver: Any, world: Any) -> None:
    world.cloud.denied = {WRITE}
    operation = Operation(driver, world, make_request())
    operation.step()
    (refusal,) = operation.refusals
    assert refusal.reason == "AuthorizationFailed"
    assert f"it lacks {WRITE}" in refusal.hint


def test_one_workspace_s_throttling_spares_the_others_calls(driver: Any, world: Any) -> None:
    driver.refresh("")
    world.cloud.faults.next("pools.put", Throttle(retry_after_s=40))
    decisions = [
        driver.decide(request, driver.observe(request, driver.refresh("")), world.now)
        for request in (make_request(), make_request(workspace="other"))
    ]
    errors = []
    for decision in decisions:
        with pytest.raises(TargetError) as refused:
            driver.act(decision.actions[0])
        errors.append(refused.value)
    assert [error.reason for error in errors] == ["Throttled", "Throttled"]
    assert [error.retry_after_s for error in errors] == [40, 40]
    assert [call.status for call in world.cloud.calls if call.kind == "pools.put"] == [429]


@pytest.mark.parametrize(("power", "reason"), [("Stopped", "ClusterStopped"), ("Running", "ClusterUpgrading")])
def test_a_cluster_that_takes_no_writes_is_waited_for(driver: Any, world: Any, power: str, reason: str) -> None:
    world.cluster.power, world.cluster.provisioning = power, "Upgrading"
    operation = Operation(driver, world, make_request())
    operation.step()
    assert [refusal.reason for refusal in operation.refusals] == [reason]
    world.cluster.power, world.cluster.provisioning = "Running", "Succeeded"
    operation.hold()


def test_a_full_cluster_is_waited_for_without_a_call(driver: Any, world: Any) -> None:
    for number in range(99):
        world.cluster.seed_pool(f"p{number}")
    operation = Operation(driver, world, make_request())
    outcome = operation.step().outcome
    assert isinstance(outcome, Waiting)
    assert outcome.reason == "TooManyPools"
    world.cluster.remove("p7")
    world.clock.advance(300)
    operation.hold()


def test_a_pool_of_that_name_that_is_not_ours_is_left_alone(driver: Any, world: Any) -> None:
    operation = Operation(driver, world, make_request())
    name = operation.step().actions[0].name
    world.cluster.remove(name)
    world.cluster.seed_pool(name)
    world.clock.advance(300)
    operation.ask(state={})
    operation.hold()
    operation.release()
    assert name in world.cluster.pools


def test_the_cause_is_asked_for_where_only_the_operation_knows_it(driver: Any, world: Any) -> None:
    world.cloud.exhausted = {("Standard_NC24ads_A100_v4", None)}
    operation = Operation(driver, world, make_request())
    operation.step()
    assert operation.request.state["operation"].startswith("https://management.azure.com/")
    world.clock.advance(400)
    (pool,) = [pool for name, pool in world.cluster.pools.items() if name != "system"]
    world.cloud.settle()
    pool.failure = None
    outcomes = [str(operation.step().outcome) for _ in range(3)]
    assert "operations.get" in {call.kind for call in world.cloud.calls}
    assert any("AllocationFailed" in outcome or "Allocation failed" in outcome for outcome in outcomes)


@pytest.mark.parametrize("is_listed", [True, False], ids=["pool failed", "pool missing"])
@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Unreachable(), "AzureUnreachable"),
        (Reset(), "AzureUnreachable"),
        (LoseResponse(), "AzureUnreachable"),
        (Refuse(server_error(500)), "AzureUnreachable"),
        (Refuse(server_error(503)), "AzureUnreachable"),
        (Throttle(retry_after_s=40), "Throttled"),
    ],
    ids=["no connection", "reset", "no answer", "500", "503", "throttled"],
)
def test_a_lost_network_is_no_failure_of_the_pool(
    driver: Any, world: Any, fault: Fault, reason: str, is_listed: bool
) -> None:
    world.cloud.exhausted = {("Standard_NC24ads_A100_v4", None)}
    operation = Operation(driver, world, make_request())
    name = operation.step().actions[0].name
    world.clock.advance(400)
    world.cloud.settle()
    if is_listed:
        world.cluster.pools[name].failure = None
    else:
        world.cluster.remove(name)
    world.cloud.faults.next("operations.get", fault, fault)
    asking = next(decision for decision in operation.passes() if operation.refusals)
    (error,) = operation.refusals
    assert error.reason == reason
    assert reason != "AzureUnreachable" or f"on agent pool {name} ended, tries again: " in error.message
    assert isinstance(asking.outcome, Waiting)
    # The operator records this state before the act: the next pass asks the same again.
    for decision in (asking, operation.step()):
        assert decision.state["operation"] == operation.request.state["operation"]
        assert "failures" not in decision.state
    assert len(operation.refusals) == 2
    world.clock.advance(60)
    told = [str(operation.step().outcome) for _ in range(3)]
    assert any("1 attempt failed" in outcome and "Allocation" in outcome for outcome in told)


def test_no_token_goes_to_another_host(driver: Any, world: Any) -> None:
    state = {"operation": "https://evil.example/x", "asked": "2020-01-01T00:00:00+00:00"}
    operation = Operation(driver, world, make_request(state=state))
    operation.step()
    assert [call.kind for call in world.cloud.calls] == ["clusters.get", "pools.list"]
    world.clock.advance(300)
    assert operation.hold()


def test_pools_of_a_workspace_that_has_another_provisioner_now_are_orphans(driver: Any, world: Any) -> None:
    Operation(driver, world, make_request()).hold()
    tenant = LivingWorkspace(namespace="default", workspace="demo", provisioner="aks")
    assert [*driver.orphans([tenant], driver.refresh(""))] == []
    (orphan,) = driver.orphans([replace(tenant, provisioner="karpenter")], driver.refresh(""))
    assert orphan.name.startswith("agentpool/lw")


def test_the_bounds_of_the_autoscaler_may_change(driver: Any, world: Any) -> None:
    operation = Operation(driver, world, make_request(config={"maxNodes": 3}))
    operation.hold()
    (name,) = world.owned()
    assert world.cluster.pools[name].properties["maxCount"] == 3
    operation.ask(config={"maxNodes": 5})
    operation.settle()
    assert isinstance(operation.settle().outcome, Ready)
    assert world.cluster.pools[name].properties["maxCount"] == 5


def test_examining_makes_nothing_and_tells_the_quota(driver: Any, world: Any) -> None:
    world.cloud.quotas["StandardNCADSA100v4Family"].limit = 24
    findings = driver.examine(make_request(count=2))
    assert [finding.kind for finding in findings if finding.state == "problem"] == ["quota"]
    assert "pools.put" not in {call.kind for call in world.cloud.calls}
    world.cloud.denied = {"Microsoft.ContainerService/managedClusters/read"}
    assert [finding.state for finding in driver.examine(None)] == ["ok", "ok"]


def test_what_was_refused_at_once_is_given_back_at_once(driver: Any, world: Any) -> None:
    world.cloud.quotas["StandardNCADSA100v4Family"].limit = 0
    operation = Operation(driver, world, make_request())
    operation.step()
    operation.ask(count=0)
    assert operation.step().outcome == Ready(())


def test_a_pool_whose_creation_was_not_answered_is_waited_for_before_a_release_ends(driver: Any, world: Any) -> None:
    world.cloud.list_lag_s = 40
    operation = Operation(driver, world, make_request())
    driver.refresh("")
    world.cloud.faults.next("pools.put", LoseResponse())
    operation.ask(count=0, state=operation.step().state)
    assert isinstance(operation.step().outcome, Waiting)
    operation.release()
    assert world.owned() == {}


def test_a_machine_that_never_joins_is_asked_for_once_more_and_then_replaced(driver: Any, world: Any) -> None:
    operation = Operation(driver, world, make_request())
    name = operation.step().actions[0].name
    world.cloud.never_join.add(name)
    for _ in range(60):
        operation.step()
    verbs = [action.verb for decision in operation.decisions for action in decision.actions]
    assert verbs[:4] == ["create-pool", "resize-pool", "delete-pool", "create-pool"]
    reasons = {decision.outcome.reason for decision in operation.decisions if isinstance(decision.outcome, Waiting)}
    assert "NodeNeverJoined" in reasons
    world.cloud.never_join.clear()
    operation.hold()
    assert len(world.owned()) == 1


def test_a_pool_that_somebody_else_scales_or_deletes_is_made_as_it_was(driver: Any, world: Any) -> None:
    operation = Operation(driver, world, make_request(count=2))
    operation.hold()
    (name,) = world.owned()
    for count in (3, 1):
        world.cluster.scale(name, count)
        world.clock.advance(300)
        operation.settle()
        operation.hold()
        assert world.cluster.pools[name].count == 2
    world.cluster.remove(name)
    operation.hold()
    assert [world.cluster.pools[each].count for each in world.owned()] == [2]
