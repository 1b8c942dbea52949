"""Laws of a provisioner that the real operator and the real supervisor carry out, on simulated time."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from llmwright.plugins.drivers import Provisioner
from llmwright.testing.operated_provisioners import skip_unless_idle
from llmwright.testing.placed_provisioners import PlacedContract
from llmwright.testing.world import World
from llmwright.values.nodes import NodeRequest

if TYPE_CHECKING:
    from llmwright.testing.simulation.operated_cluster import OperatedCluster
    from llmwright.testing.simulation.supervised_machine import SupervisedMachine

MINUTE_S = 60.0
HALF_AN_HOUR_S = 30 * MINUTE_S
LONGEST_REST_S = 4 * 60 * MINUTE_S
"""After that time at the latest a provisioner that was refused for half an hour is asked again."""
MOST_ACTS = 60
"""Acts in half an hour in which the cloud refuses all of them."""
BROKEN = ("InternalError", "PluginContract")


class CarriedOutContract(PlacedContract):
    """Laws of one Workspace from its creation to its deletion, on a cluster in memory and on one machine."""

    @pytest.fixture
    def cluster(self, driver: Provisioner, world: World, request_: NodeRequest) -> OperatedCluster:
        """A cluster in memory, on which the operator carries out the Workspace of ``request_``."""
        if "kubernetes" not in driver.targets:
            pytest.skip("it does not serve clusters")
        # Here, not above: it brings the operator, which no other contract needs.
        from llmwright.testing.simulation.operated_cluster import OperatedCluster

        return OperatedCluster(driver, world, request_)

    @pytest.fixture
    def machine(self, driver: Provisioner, world: World, request_: NodeRequest, tmp_path: Path) -> SupervisedMachine:
        """One machine, on which the supervisor carries out the Workspace of ``request_``."""
        if "local" not in driver.targets:
            pytest.skip("it does not serve one machine")
        from llmwright.testing.simulation.supervised_machine import SupervisedMachine

        return SupervisedMachine(driver, world, request_, tmp_path / "state")

    def test_the_operator_has_nodes_and_gives_them_back(
        self, driver: Provisioner, world: World, request_: NodeRequest, cluster: OperatedCluster
    ) -> None:
        """The operator buys as many machines as are asked for and no more, leaves them alone, and gives all back."""
        count = request_.count
        with cluster.going():
            _hold(cluster, count)
            running = {machine.name for machine in world.truth() or () if machine.running} & cluster.left
            if world.truth() is not None and not driver.nodes_are_brought:
                assert len(running) == count, f"{len(running)} machines run, the operator takes {count} for ready"
            acts = len(cluster.acts)
            cluster.run(2 * 10 * MINUTE_S)
            assert len(cluster.acts) == acts, "decide: it goes on acting where everything is as asked for"
            assert cluster.has_nodes(count), f"machines that were ready are so no longer: {cluster.told}"
            assert cluster.most <= count, f"{cluster.most} machines were there at once, and {count} are asked for"
            if not driver.nodes_are_brought:
                _hold(cluster, count + 1)
                _hold(cluster, count)
                cluster.run(5 * MINUTE_S)
                assert len(cluster.left) <= count, f"{len(cluster.left)} machines are held, and {count} are asked for"
            _delete(cluster)
        assert not cluster.left, f"the Workspace is gone, and {', '.join(sorted(cluster.left))} are left"

    def test_the_operator_may_crash(self, driver: Provisioner, request_: NodeRequest, cluster: OperatedCluster) -> None:
        """An operator that crashes after the first act, and after the first act of a release, harms nothing."""
        count = request_.count
        with cluster.going():
            cluster.apply(count)
            cluster.run(HALF_AN_HOUR_S, lambda: bool(cluster.acts) or cluster.has_nodes(count))
            cluster.kill()
            _hold(cluster, count)
            assert cluster.most <= count or driver.nodes_are_brought, (
                f"after a crash {cluster.most} machines were there at once, and {count} are asked for"
            )
            acts = len(cluster.acts)
            cluster.delete()
            cluster.run(5 * MINUTE_S, lambda: len(cluster.acts) > acts or not cluster.exists)
            cluster.kill()
            _delete(cluster)
        assert not cluster.left, f"after a crash of the operator {', '.join(sorted(cluster.left))} are left"

    def test_the_operator_replaces_a_lost_machine(
        self, driver: Provisioner, world: World, request_: NodeRequest, cluster: OperatedCluster
    ) -> None:
        """A machine that is lost is replaced by the operator, and those that are left stay all the time."""
        count = request_.count + 1
        if driver.nodes_are_brought:
            return
        with cluster.going():
            _hold(cluster, count)
            names = sorted(cluster.left)
            if len(names) < count:
                return  # It buys nothing: what it runs on is there.
            if not world.lose(names[0]):
                skip_unless_idle(driver, world, request_, "loses no machine", "lose")
            survivors = set(names[1:])
            gone: set[str] = set()

            def replaced() -> bool:
                gone.update(survivors - cluster.left)
                return len(cluster.left) == count and cluster.has_nodes(count)

            cluster.run(MINUTE_S)
            back = cluster.run(LONGEST_REST_S, replaced)
            assert back, f"a machine was lost, and the operator has {len(cluster.left)} of {count}: {cluster.told}"
        assert not gone, f"a machine was lost, and the operator gave back {', '.join(sorted(gone))} too"

    def test_the_operator_tells_a_refusal(
        self, driver: Provisioner, world: World, request_: NodeRequest, cluster: OperatedCluster
    ) -> None:
        """While the cloud refuses, the status says why and the operator asks ever more rarely; then all is well."""
        if not world.refuse(1):
            skip_unless_idle(driver, world, request_, "refuses nothing", "refuse")
            return
        with cluster.going():
            cluster.apply(request_.count)
            cluster.run(HALF_AN_HOUR_S)
            assert not cluster.has_nodes(request_.count), "the status says that nodes are ready, and the cloud refused"
            assert cluster.acts, "decide: no act, and nothing is there"
            _assert_not_broken(cluster.told)
            asked = len(cluster.acts)
            assert asked <= MOST_ACTS, f"act: called {asked} times in half an hour in which the cloud refused"
            world.refuse(0)
            _hold(cluster, request_.count, LONGEST_REST_S)

    def test_the_sweep_gives_orphans_back(
        self, driver: Provisioner, world: World, request_: NodeRequest, cluster: OperatedCluster
    ) -> None:
        """Machines of a Workspace that is gone are named by ``orphans``, and its actions give them back."""
        if driver.nodes_are_brought:
            return
        foreign = {name for name in (world.add_foreign(),) if name is not None}
        with cluster.going():
            _hold(cluster, request_.count)
            cluster.vanish()
            cluster.run(HALF_AN_HOUR_S)
        left = sorted(cluster.left - foreign)
        assert not left, f"orphans: {', '.join(left)} are left of a Workspace that is gone, and nobody gives them back"
        assert foreign <= cluster.names or not foreign, "orphans: a machine of somebody else was given back"

    def test_the_supervisor_has_a_node_and_gives_it_back(
        self, driver: Provisioner, world: World, machine: SupervisedMachine
    ) -> None:
        """On one machine the supervisor has the node that is asked for, after a crash too, and gives it back."""
        before = {each.name for each in world.truth() or ()}
        with machine.going():
            machine.run(HALF_AN_HOUR_S, lambda: bool(machine.acts) or machine.has_nodes)
            machine.kill()
            ready = machine.run(HALF_AN_HOUR_S, lambda: machine.has_nodes)
            assert ready, f"the supervisor has no node after half an hour: {machine.told}"
            late = {each.name for each in world.truth() or ()} - before
            assert len(late) <= 1, f"the supervisor has {len(late)} machines, and one is asked for"
            machine.delete()
            gone = machine.run(HALF_AN_HOUR_S, lambda: not machine.exists)
            assert gone, f"the supervisor's release does not end: {machine.told}"
        left = {each.name for each in world.truth() or ()} - before
        assert not left, f"the Workspace is gone, and {', '.join(sorted(left))} are left"


def _hold(cluster: OperatedCluster, count: int, patience_s: float = HALF_AN_HOUR_S) -> None:
    cluster.apply(count)
    ready = cluster.run(patience_s, lambda: cluster.has_nodes(count))
    assert ready, f"after {patience_s / MINUTE_S:.0f} minutes the operator has no {count} nodes: {cluster.told}"


def _delete(cluster: OperatedCluster) -> None:
    cluster.delete()
    gone = cluster.run(HALF_AN_HOUR_S, lambda: not cluster.exists)
    assert gone, f"the deletion of the Workspace does not end: {cluster.told}"


def _assert_not_broken(told: str) -> None:
    assert not told.startswith(BROKEN), f"a refusal is no fault of the plugin's: {told}"
