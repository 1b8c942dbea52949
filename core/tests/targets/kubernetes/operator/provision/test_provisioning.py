"""Provisioners in a pass: a last look past the caches, and clouds outside the cluster."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import pytest

from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Look, Provision, Release
from llmwright.lifecycle.observed import Observed, Trouble
from llmwright.plugins.drivers import Context, Provisioner
from llmwright.targets.clouds import CloudSnapshots
from llmwright.targets.kubernetes.cluster.object_cache import Key
from llmwright.targets.kubernetes.operator.cache.provisioner_snapshot import ClusterSnapshot
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.provision.provisioner_drivers import ProvisionerDrivers
from llmwright.targets.kubernetes.operator.provision.provisioning import Provisioning
from llmwright.targets.kubernetes.operator.tasks import Tasks
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeCloud, FakeProvisioner
from llmwright.values.backoff import Backoff
from llmwright.values.nodes import (
    Failed,
    Node,
    NodeRequest,
    ProvisionerAction,
    ProvisionerDecision,
    Ready,
    Waiting,
    Watch,
)
from llmwright.values.plan import Target

KEY = ("ns", "ws")
REQUEST = NodeRequest(namespace="ns", workspace="ws", count=1)
MACHINES = Watch(group="acme.example", version="v1", plural="machines", labels=("acme/namespace", "acme/workspace"))
BUY = Provision((ProvisionerAction(verb="create", name="m"),))


class Machines(Provisioner):
    """Decides by the objects in its snapshot."""

    targets: ClassVar[frozenset[Target]] = frozenset({"kubernetes"})

    def __init__(self) -> None:
        super().__init__(Context(lambda: datetime.now(UTC)))

    def watches(self) -> tuple[Watch, ...]:
        return (MACHINES,)

    def observe(self, request: NodeRequest, snapshot: Any) -> int:
        return len(snapshot.objects("acme.example", "machines", request.namespace, request.workspace))

    def decide(self, request: NodeRequest, observed: int, now: datetime) -> ProvisionerDecision:
        ready = Ready(tuple(Node(name=f"n{number}") for number in range(observed)))
        return ProvisionerDecision(outcome=ready if observed == request.count else Waiting("Coming", "soon"))

    def act(self, action: ProvisionerAction) -> Mapping[str, Any] | None:
        return None


@dataclass
class Caches:
    """Stands for the cluster's caches: ``hidden`` objects are seen once somebody looks past them."""

    hidden: int = 0
    seen: int = 0
    error: TargetError | None = None
    looks: list[Key] = field(default_factory=list)
    joined: list[Mapping[str, Any]] = field(default_factory=list)

    may_hide = staticmethod(ClusterSnapshot.may_hide)

    def want(self, watch: Watch) -> bool:
        return True

    def node(self, name: str) -> Mapping[str, Any] | None:
        return next((node for node in self.joined if node["metadata"]["name"] == name), None)

    def nodes(self, labels: Mapping[str, str]) -> list[Mapping[str, Any]]:
        return [node for node in self.joined if labels.items() <= node["metadata"]["labels"].items()]

    def objects(self, *_: str) -> list[Mapping[str, Any]]:
        return [{}] * self.seen

    def look(self, watches: tuple[Watch, ...], owner: Key) -> None:
        self.looks.append(owner)
        if self.error is not None:
            raise self.error
        self.seen, self.hidden = self.seen + self.hidden, 0


class AtOnce:
    """Does each task where it is submitted."""

    def submit(self, subject: Hashable, work: Callable[[], object], then: Callable[[float], None]) -> bool:
        work()
        then(0.0)
        return True

    def is_busy(self, subject: Hashable) -> bool:
        return False


class Bench:
    """One driver under ``Provisioning``, with all around it in memory."""

    def __init__(
        self,
        driver: Provisioner,
        start: Callable[[Callable[[], None], str], None] = lambda work, _: work(),
    ) -> None:
        self.caches, self.calls = Caches(), cast("list[tuple[Key, float]]", [])
        self.memory = Memory()
        drivers = ProvisionerDrivers(lambda name: driver)
        snapshot, tasks = cast(ClusterSnapshot, self.caches), cast(Tasks, AtOnce())
        backoff = Backoff(first_s=2.0, most_s=300.0)
        call = lambda key, seconds: self.calls.append((key, seconds))  # noqa: E731
        clouds = CloudSnapshots(call, start)
        self.provisioning = Provisioning(drivers, snapshot, clouds, self.memory, tasks, call, backoff)

    def observe(self) -> Observed | None:
        return self.provisioning.observe(KEY, "m", REQUEST, Observed(), datetime.now(UTC))

    def seen(self) -> Observed:
        observed = self.observe()
        assert observed is not None
        return observed

    def do(self, action: Provision | Release | Look) -> None:
        self.provisioning.carry_out(KEY, "m", REQUEST.inputs, (action,))


@pytest.fixture
def driver() -> Machines:
    return Machines()


@pytest.fixture
def bench(driver: Machines) -> Bench:
    return Bench(driver)


def test_a_look_is_due_until_somebody_looked_and_again_after_each_act(bench: Bench) -> None:
    assert bench.seen().look_due
    bench.do(Look())
    assert not bench.seen().look_due
    bench.do(BUY)
    assert bench.seen().look_due
    bench.do(Look())
    assert not bench.seen().look_due
    assert bench.caches.looks == [KEY, KEY]


def test_a_look_shows_what_the_watch_has_not_told(bench: Bench) -> None:
    bench.caches.hidden = 1
    release = bench.seen().release
    assert release is not None
    assert isinstance(release.outcome, Ready)
    bench.do(Look())
    release = bench.seen().release
    assert release is not None
    assert isinstance(release.outcome, Waiting)


def test_a_look_that_is_refused_rests_and_counts(bench: Bench) -> None:
    bench.caches.error = TargetError("too busy", reason="TooManyRequests")
    bench.do(Look())
    observed = bench.seen()
    assert (observed.look_due, observed.attempts) == (True, 1)
    assert observed.provisioner_trouble is not None
    assert observed.provisioner_trouble.reason == "TooManyRequests"
    bench.do(Look())
    assert len(bench.caches.looks) == 1


def test_what_rests_is_tried_again_though_the_pass_that_was_called_for_came_too_early(bench: Bench) -> None:
    """A release that was refused once was never asked for again: the clocks of the pause and of the pass differ."""
    bench.caches.error = TargetError("too busy", reason="TooManyRequests")
    bench.do(Look())
    bench.calls.clear()
    bench.do(Look())
    bench.do(BUY)
    assert len(bench.calls) == 2
    assert all(0.1 <= seconds <= 2.0 for _, seconds in bench.calls)


def test_nothing_hides_from_a_driver_that_makes_no_objects(driver: Machines, bench: Bench) -> None:
    driver.watches = lambda: (Watch(group="", version="v1", plural="nodes"),)  # type: ignore[method-assign]
    assert not bench.seen().look_due


class Counting(FakeProvisioner):
    """Counts the calls of its cloud; ``down`` is raised in place of an answer."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__(make_context(cluster=cloud))
        self.refreshes: list[str] = []
        self.down: Exception | None = None

    def refresh(self, scope: str) -> Mapping[str, int]:
        self.refreshes.append(scope)
        if self.down is not None:
            raise self.down
        return super().refresh(scope)


@pytest.fixture
def cloud() -> FakeCloud:
    return FakeCloud(slowness=0)


@pytest.fixture
def counting(cloud: FakeCloud) -> Counting:
    return Counting(cloud)


def test_a_cloud_outside_the_cluster_is_asked_before_each_decision_that_follows_an_act(
    cloud: FakeCloud, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    bench = Bench(counting)
    assert bench.observe() is None
    provision = bench.seen().provision
    assert provision is not None
    assert [action.verb for action in provision.actions] == ["create"]
    assert counting.refreshes == [""]

    now += 1.0
    bench.do(Provision(provision.actions))
    assert bench.observe() is None
    assert counting.refreshes == [""], "not twice within two seconds"
    now += 1.0
    assert bench.observe() is None
    provision = bench.seen().provision
    assert provision is not None
    assert isinstance(provision.outcome, Ready)
    assert counting.refreshes == ["", ""]
    assert not bench.seen().look_due


def test_a_machine_that_dies_is_missed_after_half_a_minute(
    cloud: FakeCloud, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    cloud.machines["ns-ws-0"] = 0
    bench = Bench(counting)
    assert bench.observe() is None
    assert isinstance(getattr(bench.seen().provision, "outcome", None), Ready)
    assert (KEY, 30.0) in bench.calls
    cloud.machines.clear()
    now += 30.0
    bench.seen()
    assert isinstance(getattr(bench.seen().provision, "outcome", None), Waiting)


def test_a_cloud_that_does_not_answer_is_named_and_asked_again_with_backoff(counting: Counting) -> None:
    counting.down = TargetError("the cloud is down", reason="CloudDown")
    bench = Bench(counting)
    assert bench.observe() is None
    for _ in range(3):
        observed = bench.seen()
        assert observed.attempts == 1
        assert observed.failed_at is not None
        assert observed.provision is None, "what is known stands"
        assert observed.provisioner_trouble == Trouble("CloudUnreachable", "the cloud is down")
        assert observed.transient
        assert observed.release is not None
        assert observed.release.outcome == Failed("transient", "the cloud is down", "CloudUnreachable")
    assert counting.refreshes == [""]
    assert any(1.0 < seconds <= 2.0 for _, seconds in bench.calls)


def test_a_cloud_says_when_it_is_to_be_asked_again(counting: Counting) -> None:
    counting.down = TargetError("too many requests", reason="Throttled", retry_after_s=120.0)
    bench = Bench(counting)
    bench.observe()
    bench.calls.clear()
    bench.seen()
    assert [119.0 < seconds <= 120.0 for _, seconds in bench.calls] == [True]


def test_a_cloud_that_hangs_counts_as_silent_and_its_late_answer_is_taken(
    cloud: FakeCloud, counting: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 100.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    begun: list[Callable[[], None]] = []
    bench = Bench(counting, lambda work, _: begun.append(work))
    assert bench.observe() is None
    assert (KEY, 60.0) in bench.calls, "somebody looks when its time is over"
    now += 60.0
    observed = bench.seen()
    assert observed.provisioner_trouble is not None
    assert "has not answered refresh for 60 s" in observed.provisioner_trouble.message
    assert len(begun) == 1, "it rests first"
    for _ in range(9):
        now += 125.0
        bench.observe()
    assert len(begun) == 4, "few threads hang at a time"
    assert bench.seen().provision is None
    cloud.machines["ns-ws-0"] = 0
    begun[0]()
    assert isinstance(getattr(bench.seen().provision, "outcome", None), Ready)


def test_the_nodes_that_its_machines_became_are_in_the_request(cloud: FakeCloud, counting: Counting) -> None:
    seen: list[NodeRequest] = []
    observe = counting.observe
    counting.observe = lambda request, snapshot: (seen.append(request), observe(request, snapshot))[1]  # type: ignore[method-assign,func-returns-value]
    bench = Bench(counting)
    for name, apps in (("mine", "ws"), ("others", "x")):
        bench.caches.joined.append({"metadata": {"name": name, "labels": {"apps": apps}}})
    for _ in range(2):
        bench.provisioning.observe(KEY, "m", replace(REQUEST, selector={"apps": "ws"}), Observed(), datetime.now(UTC))
    assert [node.name for node in seen[-1].joined] == ["mine"]


def test_ready_nodes_without_the_labels_that_pods_ask_for_are_named(cloud: FakeCloud, counting: Counting) -> None:
    cloud.machines["ns-ws-0"] = 0
    bench = Bench(counting)
    bench.caches.joined.append({"metadata": {"name": "ns-ws-0", "labels": {"apps": "other"}}})
    request = replace(REQUEST, selector={"apps": "ws", "kaito.sh/workspace": "any"})
    observed = None
    for _ in range(2):
        observed = bench.provisioning.observe(KEY, "m", request, Observed(), datetime.now(UTC))
    assert observed is not None
    assert observed.provision is not None
    assert isinstance(observed.provision.outcome, Waiting)
    assert observed.provision.outcome.reason == "NodeLabelsMissing"
    assert "node ns-ws-0 lacks apps=ws:" in observed.provision.outcome.message


class Remembering(Machines):
    """Starts an operation and remembers its token."""

    learned: Mapping[str, Any] | None = None

    def decide(self, request: NodeRequest, observed: int, now: datetime) -> ProvisionerDecision:
        return ProvisionerDecision(outcome=Waiting("Coming", "soon"), state=request.state)

    def act(self, action: ProvisionerAction) -> Mapping[str, Any] | None:
        return {"operation": action.name}


def test_what_an_act_returns_is_in_the_state_of_the_next_request_until_it_is_recorded() -> None:
    bench = Bench(Remembering())
    bench.do(BUY)
    for _ in range(2):
        provision = bench.seen().provision
        assert provision is not None
        assert provision.state == {"operation": "m"}, "a status that was refused loses nothing"
    bench.provisioning.carry_out(KEY, "m", REQUEST.inputs, ())
    provision = bench.seen().provision
    assert provision is not None
    assert provision.state == {}


def test_a_refused_act_waits_as_long_as_the_cloud_asks() -> None:
    driver = Machines()

    def act(action: ProvisionerAction) -> None:
        raise TargetError("too many requests", reason="Throttled", retry_after_s=500.0)

    driver.act = act  # type: ignore[method-assign]
    bench = Bench(driver)
    bench.do(BUY)
    assert any(499.0 < seconds <= 500.0 for _, seconds in bench.calls)
