"""A provisioner on one machine: its acts hold up no pass, and a cloud that fails, hangs or lies stops nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.plans import make_plan

from llmwright.api.status import ProvisionerStatus, WorkspaceStatus
from llmwright.errors import TargetError
from llmwright.lifecycle.decision import Provision
from llmwright.lifecycle.observed import Observed
from llmwright.plugins.drivers import Provisioner
from llmwright.targets import clouds
from llmwright.targets.local.supervisor.provisioner_step import ProvisionerStep
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeCloud, FakeProvisioner
from llmwright.values.backoff import Backoff
from llmwright.values.nodes import NodeRequest, ProvisionerAction, Ready
from llmwright.values.plan import Choice

PLAN = make_plan(
    provisioner=Choice(name="acme", why=""), nodes=NodeRequest(namespace="default", workspace="demo", count=1)
)
BUY = Provision((ProvisionerAction(verb="create", name="default-demo-0"),))
SECONDS = 10.0


class Faulty(FakeProvisioner):
    """Has ``answer`` in place of its cloud's, and of its acts', where there is one."""

    def __init__(self, cloud: FakeCloud) -> None:
        super().__init__(replace(make_context(), cluster=cloud))
        self.answer: Callable[[], Any] | None = None
        self.act_answer: Callable[[], Any] | None = None
        self.requests: list[NodeRequest] = []
        self.acts = 0

    def refresh(self, scope: str) -> Mapping[str, int]:
        snapshot: Mapping[str, int] = self.answer() if self.answer is not None else super().refresh(scope)
        return snapshot

    def observe(self, request: NodeRequest, snapshot: Mapping[str, int]) -> Mapping[str, int]:
        self.requests.append(request)
        return super().observe(request, snapshot)

    def act(self, action: ProvisionerAction) -> Any:
        self.acts += 1
        super().act(action)
        return self.act_answer() if self.act_answer is not None else None


class Bench:
    """One driver under the step, with threads as ``start`` has them."""

    def __init__(self, start: Callable[[Callable[[], None], str], None] | None = None) -> None:
        self.cloud = FakeCloud(slowness=0)
        self.driver = Faulty(self.cloud)
        self.woken = threading.Event()
        loaded: Provisioner = self.driver
        self.step = ProvisionerStep(lambda _: loaded, self.woken.set, start or (lambda work, _: work()))

    def observe(self, status: WorkspaceStatus | None = None) -> Observed:
        return self.step.observe(Observed(), PLAN, status, datetime.now(UTC))


def raising(error: BaseException) -> Callable[[], Any]:
    def answer() -> Any:
        raise error

    return answer


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clouds are asked again at once."""
    monkeypatch.setattr(clouds, "PAUSES", Backoff(first_s=0.0, most_s=0.0))


def test_an_act_that_hangs_holds_up_no_pass_and_is_not_begun_twice() -> None:
    threads: list[threading.Thread] = []

    def start(work: Callable[[], None], name: str) -> None:
        threads.append(threading.Thread(target=work, name=name))
        threads[-1].start()

    bench, over = Bench(start), threading.Event()
    bench.driver.act_answer = lambda: over.wait(SECONDS) and None
    try:
        bench.step.act(BUY, PLAN)
        assert bench.step.acting
        bench.step.act(BUY, PLAN)
        assert bench.observe().acting
        assert bench.driver.acts <= 1
    finally:
        over.set()
    for thread in threads:
        thread.join(SECONDS)
    assert bench.woken.is_set()
    assert not bench.step.acting


@pytest.mark.usefixtures("soon")
def test_the_end_of_the_acts_calls_for_a_pass_that_sees_them(bench: Bench) -> None:
    bench.step.act(BUY, PLAN)
    assert bench.woken.is_set()
    bench.observe()
    observed = bench.observe()
    assert observed.provision is not None
    assert isinstance(observed.provision.outcome, Ready)


def test_the_same_acts_are_not_done_again_at_once(bench: Bench) -> None:
    bench.step.act(BUY, PLAN)
    bench.step.act(BUY, PLAN)
    assert bench.driver.acts == 1
    assert bench.step.due_in_s() is not None


def test_a_refused_act_is_counted_and_rests_as_long_as_the_cloud_asks(bench: Bench) -> None:
    bench.driver.act_answer = raising(TargetError("too many", reason="TooManyRequests", retry_after_s=60.0))
    bench.step.act(BUY, PLAN)
    observed = bench.observe()
    assert (observed.attempts, observed.failed_at is not None) == (1, True)
    bench.step.act(BUY, PLAN)
    assert bench.driver.acts == 1


@pytest.mark.parametrize("answer", [raising(KeyError("init")), raising(SystemExit(3)), lambda: 7])
@pytest.mark.usefixtures("soon")
def test_an_act_that_breaks_is_refused_and_names_the_plugin(bench: Bench, answer: Callable[[], Any]) -> None:
    bench.driver.act_answer = answer
    bench.step.act(BUY, PLAN)
    bench.observe()
    observed = bench.observe()
    assert observed.attempts == 1
    assert observed.provisioner_trouble is not None
    assert "provisioner 'acme' failed in act" in observed.provisioner_trouble.message


@pytest.mark.usefixtures("soon")
def test_an_act_s_answer_is_kept_until_a_status_holds_what_was_made_of_it(bench: Bench) -> None:
    bench.driver.act_answer = lambda: {"operation": "token-1"}
    bench.step.act(BUY, PLAN)
    bench.step.recorded()
    bench.observe()
    bench.observe(WorkspaceStatus(provisioner=ProvisionerStatus(state={"seen": 1})))
    assert bench.driver.requests[-1].state == {"seen": 1, "operation": "token-1"}
    bench.step.recorded()
    bench.observe()
    assert bench.driver.requests[-1].state == {}


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (TargetError("503 busy", reason="CloudBusy"), "503 busy"),
        (KeyError("init"), "provisioner 'acme' failed in refresh: KeyError: 'init'"),
        (SystemExit(3), "provisioner 'acme' failed in refresh: SystemExit: 3"),
    ],
)
def test_a_cloud_that_raises_is_named_and_nothing_is_decided(bench: Bench, error: BaseException, words: str) -> None:
    bench.driver.answer = raising(error)
    bench.observe()
    observed = bench.observe()
    assert observed.provision is None
    assert observed.transient
    assert observed.provisioner_trouble is not None
    assert observed.provisioner_trouble.reason == "CloudUnreachable"
    assert words in observed.provisioner_trouble.message
    assert bench.step.due_in_s() is not None


@pytest.mark.usefixtures("soon")
def test_a_cloud_that_answers_again_is_believed_again(bench: Bench) -> None:
    bench.driver.answer = raising(TargetError("503 busy"))
    bench.observe()
    assert bench.observe().transient
    bench.driver.answer = None
    bench.observe()
    observed = bench.observe()
    assert observed.provision is not None
    assert observed.provisioner_trouble is None


@pytest.mark.parametrize("nonsense", [7, "machines", ["m"], {"default-demo-0": "soon"}, object()])
def test_a_cloud_that_answers_nonsense_is_a_fault_of_the_plugin_that_rests(bench: Bench, nonsense: Any) -> None:
    bench.driver.answer = lambda: nonsense
    bench.observe()
    observed = bench.observe()
    if observed.provision is not None:
        # It reads as machines that are there: the driver took it, and the core cannot know better.
        assert nonsense == {"default-demo-0": "soon"}
        return
    assert observed.driver_faults == 1
    assert observed.provisioner_trouble is not None
    assert observed.provisioner_trouble.reason == "PluginContract"
    asked = len(bench.driver.requests)
    assert bench.observe().driver_faults == 1
    assert len(bench.driver.requests) == asked


def test_a_cloud_that_hangs_is_given_up_and_holds_up_no_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Faulty, "refresh_timeout_s", 0.0)
    bench, over = Bench(clouds.in_a_thread), threading.Event()
    bench.driver.answer = lambda: over.wait(SECONDS) and {}
    try:
        assert bench.observe().acting
        observed = bench.observe()
        assert observed.provisioner_trouble is not None
        assert "has not answered refresh for 0 s" in observed.provisioner_trouble.message
        assert not observed.acting
    finally:
        over.set()


@pytest.mark.usefixtures("soon")
def test_nodes_stay_as_known_where_the_cloud_fails_after_it_answered(bench: Bench) -> None:
    bench.step.act(BUY, PLAN)
    bench.observe()
    assert bench.observe().provision is not None
    bench.driver.answer = raising(TargetError("gone", reason="CloudBusy"))
    # What was done since the last answer is in it, so the last answer still tells what there is.
    assert bench.observe().provision is not None
