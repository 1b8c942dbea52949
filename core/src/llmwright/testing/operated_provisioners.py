"""Laws of a provisioner in the operator's passes, held against a world that knows the truth and does harm."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar, get_args

import pytest

from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import Provisioner
from llmwright.testing.drivers import DriverContract
from llmwright.testing.operation import PASSES, Operation, seen
from llmwright.testing.presets import make_instance_type, make_node_request
from llmwright.testing.world import World
from llmwright.values.instance_type import InstanceType
from llmwright.values.nodes import Failed, FailureKind, NodeRequest, ProvisionerDecision, Ready, Waiting

MOST_PURCHASES = 20
"""Machines that may be bought in half an hour where each one fails."""

LONGEST_REST = 4 * 2 * PASSES
"""Passes in four hours, after which a provisioner that rested tries again at the latest."""

NAMESAKES = (
    ("default", "demo"),
    ("other", "demo"),
    ("default2", "demo"),
    ("default", "demo-1"),
    ("default-demo", "1"),
)
LONG = "a-workspace-with-as-long-a-name-as-a-server-may-have"
NO_TRUTH = "this world does not say what is there: override World.truth, or derive it from CloudWorld"


class OperatedContract(DriverContract):
    """Laws of the passes over one Workspace and over several. Where the world lacks what a law needs, it is skipped."""

    kind: ClassVar[Kind] = "provisioner"

    @pytest.fixture
    def world(self) -> World:
        """The world that the driver acts on; shared with ``driver``'s Context where that has a client of it."""
        return World()

    @pytest.fixture
    def request_(self, options: dict[str, Any]) -> NodeRequest:
        """A request for one machine that can be had."""
        return make_node_request(config=options)

    @pytest.fixture
    def other_type(self) -> InstanceType:
        """A second instance type that can be had."""
        return make_instance_type(name="another-type", cpus=64, memory_bytes=512 * 2**30)

    @pytest.mark.parametrize("count", [1, 3])
    def test_ready_is_true(self, driver: Provisioner, world: World, request_: NodeRequest, count: int) -> None:
        """Ready is said once as many machines as were asked for really run, and at no pass before."""
        if world.truth() is None:
            pytest.skip(NO_TRUTH)
        before = _names(world)
        operation = Operation(driver, world, replace(request_, count=count))
        if not can_be_had(operation, world):
            return
        bought = any(decision.actions for decision in operation.decisions)
        running = _running(world) - before if bought else {node.name for node in nodes_of(operation)} & _running(world)
        assert len(running) == count, f"decide: Ready, and {len(running)} of {count} machines run"

    def test_a_release_leaves_nothing(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Ready after a release is said once every machine is really gone; acts done twice are as good as once."""
        before = _names(world)
        for repeats in (1, 2):
            operation = Operation(driver, world, replace(request_, count=2), repeats=repeats)
            if not can_be_had(operation, world):
                return
            operation.ask(count=0)
            for decision in operation.passes():
                left = sorted(operation.there - before)
                assert not (isinstance(decision.outcome, Ready) and left), (
                    f"decide: the release is Ready, and {', '.join(left)} are still there: nobody looks again"
                )
            last = operation.decisions[-1].outcome
            assert last == Ready(()), f"decide: the release does not end: {last}"
            assert not operation.refusals, f"act: what was done already is refused: {operation.refusals[0]}"

    def test_a_release_takes_back_what_is_coming(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """A release at any moment, also while machines are created, leaves nothing."""
        if driver.nodes_are_brought:
            return
        before = _names(world)
        for moment in (1, 2, 3):
            operation = Operation(driver, world, replace(request_, count=2))
            for _ in range(moment):
                operation.step()
            operation.release()
            left = sorted(_names(world) - before)
            assert not left, f"decide: a release after {moment} passes is Ready, and {', '.join(left)} are still there"

    def test_a_release_needs_no_memory(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """With its state lost, and no instance type in the request, a release gives back all the same."""
        if driver.nodes_are_brought:
            return
        before = _names(world)
        operation = Operation(driver, world, request_)
        bought = bool(operation.hold()) and any(decision.actions for decision in operation.decisions)
        operation.ask(state={}, instance_type=None, instance_type_name="")
        operation.release()
        left = _names(world) - before
        assert not left, f"decide: with its state lost a release leaves {', '.join(sorted(left))}"
        if bought:
            again = driver.decide(request_, driver.observe(request_, seen(driver, world)), world.now)
            assert not isinstance(again.outcome, Ready), "decide: Ready at once after a release: nothing was given back"

    def test_workspaces_share_nothing(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Workspaces of one name in two namespaces, and of long names that begin alike, have machines of their own.

        The release of one leaves the others as they are.
        """
        if driver.nodes_are_brought:
            return
        places = (*NAMESAKES, ("default", f"{LONG[:50]}-1"), ("default", f"{LONG[:50]}-2"))
        requests = [replace(request_, namespace=space, workspace=name) for space, name in places]
        operations = [Operation(driver, world, each) for each in requests]
        held = [operation.hold() for operation in operations]
        if not any(decision.actions for decision in operations[0].decisions):
            return
        for number, nodes in enumerate(held):
            for other, others in enumerate(held[:number]):
                assert not nodes & others, f"{places[number]} and {places[other]} have one machine: {nodes & others}"
        operations[0].release()
        for place, operation, nodes in zip(places[1:], operations[1:], held[1:], strict=True):
            assert operation.step().outcome == Ready(nodes_of(operation)), (
                f"the release of {places[0]} took from {place}"
            )
            assert operation.hold() == nodes, f"the release of {places[0]} took machines of {place}"

    def test_machines_of_others_are_left_alone(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """A machine that somebody else made is neither taken for one's own nor given back."""
        foreign = world.add_foreign()
        if foreign is None:
            skip_unless_idle(driver, world, request_, "has no machines of others", "add_foreign")
            return
        operation = Operation(driver, world, request_)
        assert foreign not in operation.hold(), f"decide: Ready with {foreign}, which somebody else made"
        operation.release()
        assert foreign in _names(world), f"act: {foreign} was deleted, which somebody else made"

    def test_orphans_are_one_s_own(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """A machine that somebody else made is no orphan, though no Workspace needs it: an orphan is given back."""
        foreign = world.add_foreign()
        if foreign is None:
            skip_unless_idle(driver, world, request_, "has no machines of others", "add_foreign")
            return
        named = [orphan.name for orphan in driver.orphans((), seen(driver, world))]
        assert foreign not in named, f"orphans names {foreign}, which somebody else made"

    def test_a_lost_machine_is_replaced_alone(self, driver: Provisioner, world: World, request_: NodeRequest) -> None:
        """Where one of three machines is lost, one is bought, and the two others stay all the time."""
        operation = Operation(driver, world, replace(request_, count=3))
        if not can_be_had(operation, world):
            return
        names = sorted(node.name for node in nodes_of(operation))
        if driver.nodes_are_brought:
            return
        if not world.lose(names[1]):
            skip_unless_idle(driver, world, request_, "loses no machine", "lose")
            return
        survivors = {names[0], names[2]}
        for number, decision in enumerate(operation.passes()):
            missing = survivors - _names(world)
            assert not missing, f"act: {', '.join(missing)} was deleted, and another machine was lost"
            early = number == 0 and isinstance(decision.outcome, Ready)
            assert not early, "decide: Ready at the first pass after a machine was lost"
        operation.hold()
        assert survivors <= _names(world), "the machines that were left are gone"

    def test_a_machine_that_fails_is_told_or_rested_from(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """Where each machine fails, that is never Ready; it is told by Failed, or few are bought in half an hour."""
        if driver.nodes_are_brought:
            return
        if not world.break_new(True):
            skip_unless_idle(driver, world, request_, "has no machines that fail", "break_new")
            return
        before = _names(world)
        operation = Operation(driver, world, request_)
        for _ in range(PASSES):
            decision = operation.step()
            assert not isinstance(decision.outcome, Ready), "decide: Ready, and the machine has failed"
            assert_outcome(decision)
        failed = any(isinstance(decision.outcome, Failed) for decision in operation.decisions)
        bought = sum(1 for decision in operation.decisions if decision.actions)
        assert failed or bought <= MOST_PURCHASES, (
            f"decide: acted in {bought} of {PASSES} passes on machines that all fail, and never said Failed"
        )
        world.break_new(False)
        _hold_after_a_rest(operation)
        operation.release()
        left = sorted(_names(world) - before)
        assert not left, f"decide: the release is Ready, and {', '.join(left)} are still there"

    def test_a_refusal_is_an_error_of_the_target(
        self, driver: Provisioner, world: World, request_: NodeRequest
    ) -> None:
        """``act`` raises TargetError in whatever way a cloud refuses; once it no longer does, all is as asked for."""
        way = 1
        while world.refuse(way):
            operation = Operation(driver, world, replace(request_, workspace=f"refused-{way}"))
            for _ in range(3):
                decision = operation.step()
                assert not isinstance(decision.outcome, Ready), f"decide: Ready, and the cloud refused in way {way}"
            assert operation.refusals, f"act: no error, and the cloud refused in way {way}"
            assert all(str(error) for error in operation.refusals), "act: a TargetError without a message"
            world.refuse(0)
            operation.hold()
            refused = len(operation.refusals)
            world.refuse(way)
            operation.ask(count=0)
            operation.step()
            assert len(operation.refusals) > refused, f"act: no error, and the cloud refused a release in way {way}"
            world.refuse(0)
            operation.release()
            way += 1


def assert_outcome(decision: ProvisionerDecision) -> None:
    """Assert that an outcome other than Ready has a message, and a reason of one word."""
    outcome = decision.outcome
    if isinstance(outcome, Waiting):
        assert outcome.message, "decide: Waiting without a message"
        assert outcome.reason, "decide: Waiting without a reason"
        assert " " not in outcome.reason, f"decide: the reason {outcome.reason!r} is no single word"
        assert outcome.again_in is None or outcome.again_in > 0, "decide: again_in is not above 0"
    elif isinstance(outcome, Failed):
        assert outcome.kind in get_args(FailureKind), f"decide: {outcome.kind!r} is no kind of failure"
        assert outcome.message, "decide: Failed without a message"
    else:
        names = [node.name for node in outcome.nodes]
        assert all(names), "decide: Ready with a node without a name"
        assert len({*names}) == len(names), f"decide: Ready with one node twice: {', '.join(sorted(names))}"


def can_be_had(operation: Operation, world: World) -> bool:
    """Make passes until Ready; return False where that many cannot be had. Each Ready is held against the truth."""
    for decision in operation.passes():
        assert_outcome(decision)
        if isinstance(decision.outcome, Ready) and world.truth() is not None:
            late = {node.name for node in decision.outcome.nodes} - operation.running
            assert not late, f"decide: Ready, and {', '.join(sorted(late))} is no machine that runs"
    last = operation.decisions[-1].outcome
    idle = not any(decision.actions for decision in operation.decisions)
    if isinstance(last, Ready) and idle and len(last.nodes) < operation.request.count:
        return False  # the one machine that it runs on, however many are asked for
    brought = operation.driver.nodes_are_brought
    assert brought or not isinstance(last, Waiting), f"decide: after {PASSES} passes it still waits: {last}"
    if isinstance(last, Ready):
        assert len(last.nodes) == operation.request.count, (
            f"decide: Ready with {len(last.nodes)} nodes, and {operation.request.count} are asked for"
        )
    return isinstance(last, Ready)


def _hold_after_a_rest(operation: Operation) -> None:
    """Make passes until Ready: a provisioner that rests after failures may do so for hours, and says Failed meanwhile.

    Raises:
        AssertionError: it never is.
    """
    for _ in range(LONGEST_REST):
        if isinstance(operation.step().outcome, Ready):
            break
    operation.hold()


def skip_unless_idle(driver: Provisioner, world: World, request: NodeRequest, lack: str, method: str) -> None:
    """Skip a law that needs what this world lacks, where the driver asks for machines: else there is nothing to hold.

    Raises:
        Skipped: the driver asks for machines.
    """
    if driver.decide(request, driver.observe(request, seen(driver, world)), world.now).actions:
        pytest.skip(f"this world {lack}: override World.{method}")


def _names(world: World) -> set[str]:
    return {machine.name for machine in world.truth() or ()}


def _running(world: World) -> set[str]:
    return {machine.name for machine in world.truth() or () if machine.running}


def nodes_of(operation: Operation) -> tuple[Any, ...]:
    """Return the nodes that the last decision calls ready."""
    outcome = operation.decisions[-1].outcome
    return outcome.nodes if isinstance(outcome, Ready) else ()
