"""Laws of provisioners."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from llmwright.plugins.drivers import Driver, Provisioner
from llmwright.testing.carried_out_provisioners import CarriedOutContract
from llmwright.testing.launches import as_json
from llmwright.testing.operated_provisioners import assert_outcome, skip_unless_idle
from llmwright.testing.operation import PASSES, at_rest, seen
from llmwright.testing.purity import twice_alike
from llmwright.testing.world import World
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import (
    LivingWorkspace,
    NodeRequest,
    ProvisionerDecision,
    Ready,
)

STATE_LIMIT = 4096


class ProvisionerContract(CarriedOutContract):
    """Laws of provisioners. The subclass gives ``driver``, and ``world`` where the driver acts on something."""

    @pytest.fixture
    def asking(self, world: World, request_: NodeRequest) -> Any:
        """The world and the request with which ``effects`` asks."""
        return world, request_

    def effects(self, driver: Driver, options: dict[str, Any], asking: Any) -> str:
        """The first decision, where nothing is there yet, and the placement."""
        world, request = asking
        assert isinstance(driver, Provisioner)
        driver.configure(options, {})
        asked = replace(request, config=options)
        decision = driver.decide(asked, driver.observe(asked, seen(driver, world)), world.now)
        return f"{decision.outcome} {decision.actions} {driver.placement(asked)}"

    def test_its_claims_are_watched(self, driver: Provisioner) -> None:
        """The kind of ``node_claims`` is one of ``watches``: what is not watched cannot be reported."""
        watched = {(watch.group, watch.plural) for watch in driver.watches()}
        assert driver.node_claims is None or (driver.node_claims.group, driver.node_claims.plural) in watched

    def test_deciding_converges(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Observing, deciding and acting over and over ends in Ready with the nodes asked for, and then rests."""
        *_, last = _passes(driver, world, request_)
        assert isinstance(last.outcome, Ready), f"after {PASSES} passes: {last.outcome}"
        assert len(last.outcome.nodes) == request_.count
        assert last.actions == ()

    def test_acting_twice_is_acting_once(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Each action can be carried out again, as happens after a crash, and the end is the same."""
        *_, last = _passes(driver, world, request_, times=2)
        assert isinstance(last.outcome, Ready)
        assert len(last.outcome.nodes) == request_.count

    def test_forgetting_is_harmless(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """With all remembered state lost, what is there is found again and nothing is asked for twice."""
        *_, before = _passes(driver, world, request_)
        forgotten = replace(request_, state={})
        *_, after = _passes(driver, world, forgotten, keep_state=False)
        assert after.outcome == before.outcome

    def test_decide_is_pure(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """At every pass the same request, observation and time give the same decision; none of them is changed."""
        for request in (request_, replace(request_, count=0)):
            observed = driver.observe(request, seen(driver, world))
            twice_alike(driver.decide, request, observed, world.now)

    def test_a_refresh_is_what_observe_reads(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """One call for all Workspaces gives a snapshot from which each can be observed and decided.

        A driver without a cloud outside the cluster gives None, and reads the target's caches.
        """
        assert_outcome(driver.decide(request_, driver.observe(request_, seen(driver, world)), world.now))

    def test_watches_name_a_kind(self, driver: Provisioner) -> None:
        """Each watched kind has a version and a plural, as a cluster's API asks for it."""
        assert all(watch.version and watch.plural for watch in driver.watches())

    def test_releasing_nothing_is_ready(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """A request for 0 nodes where there are none is Ready at once, without an action."""
        release = replace(request_, count=0)
        decision = driver.decide(release, driver.observe(release, seen(driver, world)), world.now)
        assert decision.outcome == Ready(())
        assert decision.actions == ()

    def test_what_was_taken_is_given_back(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """After a release nothing is held and nothing is left behind."""
        *_, held = _passes(driver, world, request_)
        *_, last = _passes(driver, world, replace(request_, count=0, state=held.state))
        assert last.outcome == Ready(())
        assert [*driver.orphans((), seen(driver, world))] == []

    def test_a_release_goes_by_the_owner(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """A request for 0 of one instance type gives back whatever was asked for of another.

        So it is asked where a type could not be had and the next one is tried, and once a Workspace is deleted.
        """
        *_, held = _passes(driver, world, request_)
        other = replace(request_, count=0, instance_type=None, instance_type_name="", state=held.state, inputs="others")
        *_, last = _passes(driver, world, other)
        assert last.outcome == Ready(())
        assert [*driver.orphans((), seen(driver, world))] == [], "what was asked for of another instance type is left"

    def test_examining_makes_nothing(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Findings about a request, and about any, are well formed, and nothing is made for them."""
        before = [*(world.truth() or ())]
        for request in (request_, None):
            for finding in driver.examine(request):
                assert finding.state in ("ok", "problem", "unchecked")
                assert finding.about
                assert finding.message
                assert finding.kind is None or finding.state == "problem", f"{finding.about}: only a problem has a kind"
        assert [*(world.truth() or ())] == before, "examine made or changed a machine"

    def test_orphans_are_told_from_namesakes(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Of two Workspaces of one name in two namespaces, the machines of the one that is gone are named, alone."""
        if driver.nodes_are_brought:
            return
        other = replace(request_, namespace="other")
        *_, held = _passes(driver, world, request_)
        if not isinstance(held.outcome, Ready) or world.truth() is None:
            return
        mine = {machine.name for machine in world.truth() or ()}
        _hold(driver, world, other)
        both = tuple(LivingWorkspace(namespace=each.namespace, workspace=each.workspace) for each in (other, request_))
        for living in (both, both[::-1]):
            assert [*driver.orphans(living, seen(driver, world))] == [], "orphans names machines of a living Workspace"
        bought = {machine.name for machine in world.truth() or ()} - mine
        assert not bought or [*driver.orphans(both[:1], seen(driver, world))], (
            "orphans: a living namesake in another namespace hides machines of a Workspace that is gone"
        )

    def test_what_lives_is_no_orphan(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Machines of a Workspace that is there are not named, be its plan on record or not."""
        _hold(driver, world, request_)
        tenant = LivingWorkspace(namespace=request_.namespace, workspace=request_.workspace)
        planned = replace(tenant, provisioner=driver.context.name, options=driver.settled(request_).config)
        for living in ((tenant,), (planned,)):
            assert [*driver.orphans(living, seen(driver, world))] == []

    def test_an_orphan_is_named_and_its_acts_give_it_back(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """Machines of a Workspace that is gone are named, with acts after which they are named no more.

        A driver that makes nothing has none.
        """
        made = _hold(driver, world, request_)
        lost = [*driver.orphans((), seen(driver, world))]
        assert bool(lost) == made, "what no Workspace needs is not named" if made else "named, though nothing was made"
        for orphan in lost:
            assert orphan.name
            for action in orphan.actions:
                driver.act(action)
        for _ in range(PASSES):
            world.tick()
        assert [*driver.orphans((), seen(driver, world))] == []

    def test_fewer_machines_spare_those_with_pods(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """Where fewer machines are asked for than are held, ``occupied`` ones stay and others go, whichever they are.

        A request that names as many occupied machines as are held lets none go, and stays Ready.
        """
        *_, held = _passes(driver, world, replace(request_, count=2))
        if not isinstance(held.outcome, Ready) or len(held.outcome.nodes) < 2:
            skip_unless_idle(driver, world, request_, "has no two machines for one request", "tick")
            return
        first, last = sorted(node.name for node in held.outcome.nodes)
        both = replace(request_, count=2, state=held.state, occupied=frozenset((first, last)))
        *_, kept = _passes(driver, world, both)
        assert isinstance(kept.outcome, Ready)
        assert {node.name for node in kept.outcome.nodes} == both.occupied
        fewer = replace(request_, count=1, state=kept.state, occupied=frozenset((last,)))
        *_, left = _passes(driver, world, fewer)
        for _ in range(PASSES):
            world.tick()
            left = driver.decide(fewer, driver.observe(fewer, seen(driver, world)), world.now)
        assert isinstance(left.outcome, Ready)
        assert [node.name for node in left.outcome.nodes] == [last]
        assert left.actions == ()

    def test_an_occupied_node_of_others_is_left_alone(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """Pods may run on nodes that the driver did not make: such a node is neither asked for nor given back."""
        foreign = replace(request_, occupied=frozenset(("of-somebody-else",)))
        decisions = [*_passes(driver, world, foreign)]
        assert isinstance(decisions[-1].outcome, Ready), f"after {PASSES} passes: {decisions[-1].outcome}"
        named = {action.name for decision in decisions for action in decision.actions}
        assert "of-somebody-else" not in named

    def test_decisions_are_well_formed(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """State is JSON of at most 4 KiB, actions are JSON, and waiting or failing has a reason."""
        for decision in _passes(driver, world, request_):
            assert len(json.dumps(decision.state).encode()) <= STATE_LIMIT
            for action in decision.actions:
                assert action.verb
                assert as_json(action)
            assert_outcome(decision)

    @pytest.mark.parametrize("count", [2, 1000])
    def test_too_much_is_an_outcome(self, driver: Provisioner, world: World, request_: NodeRequest, count: int) -> None:
        """A request that cannot be met, or not at once, is waited for or fails with a reason; nothing is raised."""
        request = replace(request_, count=count)
        assert_outcome(driver.decide(request, driver.observe(request, seen(driver, world)), world.now))

    def test_only_options_of_its_own_may_change(self, driver: Provisioner) -> None:
        """The options that may change while nodes are held are keys of ``config_model``: others are refused anyway."""
        known = driver.config_model.model_json_schema().get("properties", {}) if driver.config_model else {}
        assert driver.mutable_options <= set(known)

    def test_settling_is_pure_and_done_once(self, driver: Provisioner, request_: NodeRequest) -> None:
        """The defaults of the settings are written in, as JSON and the same every time; a settled request stays."""
        settled = twice_alike(driver.settled, request_)
        assert as_json(settled.config)
        assert driver.settled(settled) == settled
        assert driver.placement(settled) == driver.placement(request_)

    def test_placement_is_pure_data(self, driver: Provisioner, request_: NodeRequest) -> None:
        """Where the workload may run is the same every time, and JSON."""
        assert as_json(twice_alike(driver.placement, request_))

    def test_instance_types_have_names_of_their_own(self, driver: Provisioner) -> None:
        """Types known to the driver itself are InstanceTypes, each name once."""
        types = driver.instance_types()
        assert all(isinstance(kind, InstanceType) for kind in types)
        assert len({kind.name for kind in types}) == len(types)


def _hold(driver: Provisioner, world: World, request: NodeRequest) -> bool:
    """Have the driver hold what is asked for; return whether it had to act for it."""
    decisions = [*_passes(driver, world, request)]
    return any(decision.actions for decision in decisions)


def _passes(
    driver: Provisioner, world: World, request: NodeRequest, *, times: int = 1, keep_state: bool = True
) -> Iterator[ProvisionerDecision]:
    """The decisions of up to ``PASSES`` passes, each action carried out ``times`` times, until there is rest."""
    for _ in range(PASSES):
        decision = driver.decide(request, driver.observe(request, seen(driver, world)), world.now)
        yield decision
        if at_rest(decision):
            return
        learned: dict[str, Any] = {}
        for action in decision.actions:
            for _ in range(times):
                learned |= driver.act(action) or {}
        world.tick()
        if keep_state:
            request = replace(request, state={**decision.state, **learned})
