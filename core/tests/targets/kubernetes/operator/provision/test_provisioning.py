"""Provisioners in a pass: a last look past the caches, and clouds outside the cluster."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, cast

import pytest

from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Look, Provision, Release
from llmwright.lifecycle.observed import Observed
from llmwright.plugins.drivers import Context, Provisioner
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

    def act(self, action: ProvisionerAction) -> None:
        """Nothing."""


@dataclass
class Caches:
    """Stands for the cluster's caches: ``hidden`` objects are seen once somebody looks past them."""

    hidden: int = 0
    seen: int = 0
    error: TargetError | None = None
    looks: list[Key] = field(default_factory=list)

    may_hide = staticmethod(ClusterSnapshot.may_hide)

    def want(self, watch: Watch) -> bool:
        return True

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

    def __init__(self, driver: Provisioner) -> None:
        self.caches, self.calls = Caches(), cast("list[tuple[Key, float]]", [])
        self.memory = Memory()
        drivers = ProvisionerDrivers(lambda name: driver)
        snapshot, tasks = cast(ClusterSnapshot, self.caches), cast(Tasks, AtOnce())
        backoff = Backoff(first_s=2.0, most_s=300.0)
        call = lambda key, seconds: self.calls.append((key, seconds))  # noqa: E731
        self.provisioning = Provisioning(drivers, snapshot, self.memory, tasks, call, backoff)

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
        assert observed.provision == observed.release
        assert observed.provision is not None
        assert observed.provision.outcome == Failed("transient", "the cloud is down", "CloudUnreachable")
    assert counting.refreshes == [""]
    assert any(1.0 < seconds <= 2.0 for _, seconds in bench.calls)
