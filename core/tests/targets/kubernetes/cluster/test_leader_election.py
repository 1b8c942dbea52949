"""Leader election: who leads, and that nothing an API server answers makes two leaders."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
from core.tests.targets.kubernetes.support.clock import Clock
from tests.support.waiting import wait_until

from llmwright.targets.kubernetes.cluster import leader_election
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, UNREACHABLE, ApiError
from llmwright.targets.kubernetes.cluster.leader_election import (
    ANSWER_S,
    GIVE_UP_S,
    LEASE_S,
    RENEW_S,
    RETRY_S,
    LeaderElection,
)


class OneLease:
    """An API server that holds one Lease, or answers otherwise."""

    def __init__(self, answer: Any = None) -> None:
        self.lease: Any = answer

    def answering_within(self, seconds: float) -> OneLease:
        self.patience_s = seconds
        return self

    def find(self, *_: Any) -> Any:
        if isinstance(self.lease, Exception):
            raise self.lease
        return self.lease

    def create(self, _: Any, body: Any) -> Any:
        self.lease = body
        return body

    replace = create


def election(api: OneLease, identity: str, clock: Clock) -> LeaderElection:
    return LeaderElection(cast(Api, api), "models", "llmwright-operator", identity, clock)


def test_another_leads_once_the_lease_is_old() -> None:
    api, clock = OneLease(), Clock()
    first, second = (election(api, name, clock) for name in ("first", "second"))
    assert first.attempt()
    assert not second.attempt()
    clock.now += LEASE_S / 2
    assert first.attempt()
    assert not second.attempt()
    clock.now += LEASE_S + 1
    assert second.attempt()
    assert not first.attempt()


def test_a_lease_that_is_given_back_is_free_at_once() -> None:
    api, clock = OneLease(), Clock()
    first, second = (election(api, name, clock) for name in ("first", "second"))
    assert first.attempt()
    first.stop()
    assert second.attempt()


@pytest.mark.parametrize("answer", ["a proxy's page", {"spec": {"leaseDurationSeconds": "long"}}, {"spec": ["x"]}])
def test_an_answer_that_cannot_be_read_is_no_lease(answer: Any) -> None:
    assert not election(OneLease(answer), "first", Clock()).attempt()


def test_a_missing_right_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    refused = ApiError("leases is forbidden", code=FORBIDDEN, reason="Forbidden")
    assert not election(OneLease(refused), "first", Clock()).attempt()
    (line,) = [record for record in caplog.records if "leases is forbidden" in record.message]
    assert line.levelno == logging.WARNING


Keep = Callable[[LeaderElection], threading.Event]


class Hanging(OneLease):
    """An API server that takes requests and does not answer while ``answers`` is clear; each is waited for in vain."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()
        self.given_up = 0

    def find(self, *_: Any) -> Any:
        if not self.answers.wait(self.patience_s):
            self.given_up += 1
            raise ApiError("no answer", code=UNREACHABLE, reason="ApiServerUnreachable")
        return super().find()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEW_S", 0.02), ("RETRY_S", 0.01), ("LOOK_S", 0.01)):
        monkeypatch.setattr(leader_election, name, seconds)


@pytest.fixture
def kept() -> Iterator[Keep]:
    """Keeps a Lease in a thread; returns what is set once it is lost."""
    held: list[LeaderElection] = []

    def keep(election: LeaderElection) -> threading.Event:
        lost = threading.Event()
        threading.Thread(target=election.keep, args=(lost.set,), daemon=True).start()
        held.append(election)
        return lost

    yield keep
    for each in held:
        each.stop()


def wait_for_renewal(api: OneLease) -> None:
    written = api.lease
    wait_until(lambda: api.lease is not written, "it is renewed")


def test_a_leader_whose_requests_hang_stops_before_another_may_lead(
    hurried: None, kept: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "ANSWER_S", 30.0)
    api, clock = Hanging(), Clock()
    held = election(api, "first", clock)
    assert held.attempt()
    lost = kept(held)
    for _ in range(10):
        clock.now += GIVE_UP_S / 3
        wait_for_renewal(api)
    assert not lost.is_set()
    api.answers.clear()
    try:
        clock.now += GIVE_UP_S + 1
        assert lost.wait(10.0)
    finally:
        api.answers.set()


def test_a_request_that_hangs_leaves_time_for_another(
    hurried: None, kept: Keep, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leader_election, "ANSWER_S", 0.05)
    api = Hanging()
    held = election(api, "first", Clock())
    assert held.attempt()
    lost = kept(held)
    api.answers.clear()
    wait_until(lambda: api.given_up >= 2, "a renewal is tried again")
    api.answers.set()
    wait_for_renewal(api)
    assert not lost.is_set()


def test_what_a_leader_does_last_before_it_gives_up_fits_two_requests() -> None:
    assert RENEW_S + ANSWER_S + RETRY_S < GIVE_UP_S < LEASE_S


class Late(Hanging):
    """An API server whose answers to writes are on the way for 10 s."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self.clock = clock

    def create(self, _: Any, body: Any) -> Any:
        self.lease = body
        self.clock.now += 10.0
        return body

    replace = create


def test_an_answer_that_comes_late_gives_a_leader_no_more_time(hurried: None, kept: Keep) -> None:
    """Others count from when they saw the Lease change, which may be before the leader has its answer."""
    clock = Clock()
    api = Late(clock)
    held = election(api, "first", clock)
    assert held.attempt()
    api.answers.clear()
    lost = kept(held)
    try:
        clock.now = GIVE_UP_S + 1
        assert lost.wait(10.0)
    finally:
        api.answers.set()
