"""Random schedules of harm and wishes: whatever happens, in the end there are exactly the pools that are wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.arm.support.asking import NO_SDK

from llmwright.values.nodes import Ready, Waiting

if TYPE_CHECKING:
    from plugins.provisioner_aks.tests.support.operated import Operated

SHORT, LONG = 200, 2000
AT_ONCE = 20
LIFE = 24
"""More calls than those of one Workspace that gets two nodes, gives one back, and is deleted."""


def faults_of(seed: int, steps: int) -> list[str]:
    """What is wrong at the end of the schedule that the seed gives."""
    from plugins.provisioner_aks.tests.support.operated import Schedule

    schedule = Schedule(seed)
    schedule.run(steps)
    schedule.settle()
    return [f"seed {seed}, {steps} steps: {fault}" for fault in schedule.wrong()]


@pytest.mark.parametrize("first", range(0, SHORT, AT_ONCE))
def test_a_schedule_ends_with_the_pools_that_are_wanted(first: int) -> None:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    faults = [fault for seed in range(first, first + AT_ONCE) for fault in faults_of(seed, 24)]
    assert faults == []


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, LONG, 10 * AT_ONCE))
def test_a_long_schedule_ends_with_the_pools_that_are_wanted(first: int) -> None:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    faults = [fault for seed in range(first, first + 10 * AT_ONCE) for fault in faults_of(seed, 40)]
    assert faults == []


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_operator_may_be_killed_between_any_two_calls(when: str) -> None:
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    counts = [calls_of_a_life(number, when) for number in range(1, LIFE + 1)]
    # The last ones are beyond the end: all calls of a life were tried.
    assert min(counts) < LIFE


def calls_of_a_life(number: int, when: str) -> int:
    """Let a Workspace live whose operator dies at the call of that number; return how many calls it took."""
    from plugins.provisioner_aks.tests.support.aks_world import AksWorld
    from plugins.provisioner_aks.tests.support.operated import Operated, Tenant
    from tests.arm.support.faults import Crash

    operated = Operated(AksWorld())
    world, tenant = operated.world, Tenant(2)
    world.cloud.faults.at(number, Crash(when))
    operated.tenants["default", "w"] = tenant
    for count, wanted in ((2, [2]), (1, [1]), (0, [])):
        tenant.count = count
        for _ in range(100):
            operated.tick()
            pools = [world.cluster.pools[name].count for name in world.owned()]
            assert len(pools) <= 1, f"killed {when} call {number}: {pools}"
            if pools == wanted and (isinstance(tenant.outcome, Ready) or not operated.tenants):
                break
        else:
            raise AssertionError(f"killed {when} call {number}: {pools} in place of {wanted}, {tenant.outcome}")
    assert not operated.tenants
    return len(world.cloud.calls)


@pytest.fixture
def crowd() -> Operated:
    """200 Workspaces of one node each, where a cluster has 100 pools and answers few requests a second."""
    pytest.importorskip("azure.mgmt.containerservice", reason=NO_SDK)
    from plugins.provisioner_aks.tests.support.aks_world import AksWorld
    from plugins.provisioner_aks.tests.support.operated import Operated, Tenant
    from tests.arm.support.throttle import Rate

    operated = Operated(AksWorld())
    operated.world.cloud.rate = Rate(reads=12, writes=3, refill_per_s=1)
    operated.tenants = {("default", f"w{number}"): Tenant(1) for number in range(200)}
    return operated


def test_two_hundred_workspaces_share_a_hundred_pools(crowd: Operated) -> None:
    def passes(most: int, wanted: int) -> None:
        for _ in range(most):
            if sum(isinstance(tenant.outcome, Ready) for tenant in crowd.tenants.values()) == wanted:
                return
            crowd.tick(60)

    passes(300, 99)
    assert {call.status for call in crowd.world.cloud.calls} >= {201, 429}
    waiting = [tenant.outcome for tenant in crowd.tenants.values() if not isinstance(tenant.outcome, Ready)]
    assert len(waiting) == 101
    assert {each.reason for each in waiting if isinstance(each, Waiting)} == {"TooManyPools"}
    served = [key for key, tenant in crowd.tenants.items() if isinstance(tenant.outcome, Ready)]
    for key in served[:30]:
        crowd.tenants[key].count = 0
    passes(300, 69)
    passes(300, 99)
    assert len(crowd.tenants) == 170
    assert {*crowd.world.owned().values()} == {
        key for key, tenant in crowd.tenants.items() if isinstance(tenant.outcome, Ready)
    }
