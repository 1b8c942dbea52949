"""Leader election: who leads, and that nothing an API server answers makes two leaders."""

from __future__ import annotations

import logging
import threading
from typing import Any, cast

import pytest
from core.tests.targets.kubernetes.support.clock import Clock

from llmwright.targets.kubernetes.cluster import leader_election
from llmwright.targets.kubernetes.cluster.api_client import Api
from llmwright.targets.kubernetes.cluster.api_errors import FORBIDDEN, ApiError
from llmwright.targets.kubernetes.cluster.leader_election import LEASE_S, LeaderElection


class OneLease:
    """An API server that holds one Lease, or answers otherwise."""

    def __init__(self, answer: Any = None) -> None:
        self.lease: Any = answer

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


class Hanging(OneLease):
    """An API server that takes requests and does not answer while ``answers`` is clear."""

    def __init__(self) -> None:
        super().__init__()
        self.answers = threading.Event()
        self.answers.set()

    def find(self, *_: Any) -> Any:
        self.answers.wait(60.0)
        return super().find()


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, seconds in (("RENEW_S", 0.02), ("LOOK_S", 0.01), ("GIVE_UP_S", 0.3)):
        monkeypatch.setattr(leader_election, name, seconds)


def test_a_leader_whose_requests_hang_stops_before_another_may_lead(hurried: None) -> None:
    """A request fails after a minute, and the Lease is old after 15 s."""
    api, lost = Hanging(), threading.Event()
    held = LeaderElection(cast(Api, api), "models", "llmwright-operator", "first")
    assert held.attempt()
    threading.Thread(target=held.keep, args=(lost.set,), daemon=True).start()
    assert not lost.wait(1.0), "it is renewed"
    api.answers.clear()
    try:
        assert lost.wait(10.0)
    finally:
        api.answers.set()
        held.stop()
