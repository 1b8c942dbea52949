"""Pods that tune or fetch weights are asked how far they are, away from the passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from llmwright.api.status import Download, Progress
from llmwright.lifecycle.observed import Role
from llmwright.targets.kubernetes.operator.memory import Memory, ToldProgress
from llmwright.targets.kubernetes.operator.observe.pod_progress import PodProgress, told_by
from llmwright.targets.kubernetes.operator.tasks import Tasks

KEY = ("default", "mine")
STEP = {"event": "step", "step": 3, "steps": 10, "loss": 0.5, "tokens_per_second": 80.0, "seconds_left": 7.0}
STEPS = Progress(step=3, steps=10, loss=0.5, tokens_per_second=80.0, seconds_left=7.0)
FETCHES = {"event": "download", "bytes": 5, "total": 10, "bytes_per_second": 2, "seconds_left": 2.5}
FETCHED = Download(bytes=5, total_bytes=10, bytes_per_second=2, seconds_left=2.5)
UNSIZED = Download(bytes=5, bytes_per_second=2, seconds_left=2.5)


class AtOnce:
    """A pool that does its work at once."""

    def submit(self, _: object, work: Callable[[], object], then: Callable[[float], None]) -> bool:
        work()
        then(0.0)
        return True


class Asked:
    def __init__(self, event: dict[str, Any]) -> None:
        self.answer: bytes | OSError = json.dumps(event).encode()
        self.urls: list[str] = []
        self.calls: list[float] = []
        self.now = 100.0
        tasks = cast("Tasks", AtOnce())
        call: Any = lambda _, seconds: self.calls.append(seconds)  # noqa: E731
        self.progress = PodProgress(Memory(), tasks, call, self.ask, lambda: self.now)

    def ask(self, url: str) -> bytes:
        self.urls.append(url)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def of(
        self, uid: str = "u", address: str | None = "10.0.0.7", phase: str = "Pending", role: Role = "tuning"
    ) -> ToldProgress:
        return self.progress.of(KEY, role, [{"metadata": {"uid": uid}, "status": {"podIP": address, "phase": phase}}])


def test_a_running_pod_is_asked_every_five_seconds() -> None:
    asked = Asked(STEP)
    assert asked.of().progress is None
    assert (asked.urls, asked.calls) == (["http://10.0.0.7:8009/progress"], [0.0])
    assert asked.of().progress == STEPS
    assert (len(asked.urls), asked.calls) == (1, [0.0, 5.0])
    asked.now += 5.0
    asked.answer = OSError("refused")
    asked.of()
    assert len(asked.urls) == 2
    assert asked.of().progress == STEPS
    assert asked.of(uid="another").progress is None


def test_a_download_is_told_until_nobody_tells_of_it() -> None:
    asked = Asked(FETCHES)
    asked.of(role="serving")
    assert asked.of(role="serving") == ToldProgress(download=FETCHED)
    asked.now += 5.0
    asked.answer = TimeoutError("it has no time")
    asked.of(role="serving")
    assert asked.of(role="serving").download == FETCHED
    asked.now += 5.0
    asked.answer = OSError("refused: it loads what came")
    asked.of(role="serving")
    assert asked.of(role="serving").download is None


def test_what_was_told_long_ago_is_not_told_of_a_container_that_starts_anew() -> None:
    asked = Asked(FETCHES)
    asked.of(role="serving")
    asked.now += 600.0
    assert asked.of(role="serving").download is None


def test_the_roles_of_a_workspace_are_asked_apart() -> None:
    asked = Asked(STEP)
    for _ in range(3):
        asked.of("trains")
        asked.of("serves", role="serving")
    assert len(asked.urls) == 2


def test_a_pod_that_is_not_reached_is_asked_ever_more_rarely() -> None:
    asked = Asked(FETCHES)
    asked.answer = ConnectionError("a NetworkPolicy lets nobody in")
    asked.of()
    for pause_s in (5.0, 10.0, 20.0, 40.0, 60.0, 60.0):
        before = len(asked.urls)
        asked.now += pause_s - 1.0
        asked.of()
        assert len(asked.urls) == before
        asked.now += 1.0
        asked.of()
        assert len(asked.urls) == before + 1


def test_a_pod_that_was_away_for_a_moment_is_asked_as_before() -> None:
    asked = Asked(FETCHES)
    asked.of(role="serving")
    answer, asked.answer = asked.answer, ConnectionError("no route to host")
    for pause_s in (5.0, 5.0):
        asked.now += pause_s
        asked.of(role="serving")
    asked.answer = answer
    asked.now += 10.0
    asked.of(role="serving")
    assert asked.of(role="serving").download == FETCHED
    before = len(asked.urls)
    asked.answer = ConnectionError("no route to host")
    asked.now += 5.0
    asked.of(role="serving")
    asked.now += 5.0
    asked.of(role="serving")
    assert len(asked.urls) == before + 2


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (FETCHES, ToldProgress(STEPS, FETCHED)),
        ({**FETCHES, "event": "pull", "total": None}, ToldProgress(STEPS, UNSIZED)),
        ({"event": "download", "bytes": "many", "total": 3}, ToldProgress(STEPS)),
        ({"event": "download"}, ToldProgress(STEPS)),
        (STEP, ToldProgress(STEPS)),
        (None, ToldProgress(STEPS)),
        ([], ToldProgress(STEPS)),
    ],
)  # fmt: skip
def test_steps_stand_while_weights_come_and_a_download_does_not(event: object, expected: ToldProgress) -> None:
    assert told_by(event, ToldProgress(STEPS, FETCHED)) == expected


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b'{"step": "x", "steps": 1}', b"null", b"\xff"])
def test_what_makes_no_sense_is_no_progress(answer: bytes) -> None:
    asked = Asked(STEP)
    asked.answer = answer
    asked.of()
    assert asked.of() == ToldProgress()


@pytest.mark.parametrize(("address", "phase"), [(None, "Running"), ("10.0.0.7", "Succeeded"), ("10.0.0.7", "Failed")])
def test_what_does_not_run_is_not_asked(address: str | None, phase: str) -> None:
    asked = Asked(STEP)
    assert asked.of(address=address, phase=phase) == ToldProgress()
    assert not asked.urls


def test_an_address_of_ip_6_is_bracketed() -> None:
    asked = Asked(STEP)
    asked.of(address="fd00::7")
    assert asked.urls == ["http://[fd00::7]:8009/progress"]
