"""Pods that tune are asked for their progress, away from the passes."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, cast

import pytest

from llmwright.api.status import Progress
from llmwright.targets.kubernetes.operator.memory import Memory
from llmwright.targets.kubernetes.operator.observe.tuning_progress import TuningProgress
from llmwright.targets.kubernetes.operator.tasks import Tasks

KEY = ("default", "mine")
STEP = {"event": "step", "step": 3, "steps": 10, "loss": 0.5, "tokens_per_second": 80.0, "seconds_left": 7.0}


class AtOnce:
    """A pool that does its work at once."""

    def submit(self, _: object, work: Callable[[], object], then: Callable[[float], None]) -> bool:
        work()
        then(0.0)
        return True


class Asked:
    def __init__(self) -> None:
        self.answer: bytes | OSError = json.dumps(STEP).encode()
        self.urls: list[str] = []
        self.calls: list[float] = []
        self.now = 100.0
        tasks = cast("Tasks", AtOnce())
        call: Any = lambda _, seconds: self.calls.append(seconds)  # noqa: E731
        self.progress = TuningProgress(Memory(), tasks, call, self.ask, lambda: self.now)

    def ask(self, url: str) -> bytes:
        self.urls.append(url)
        if isinstance(self.answer, OSError):
            raise self.answer
        return self.answer

    def of(self, uid: str = "u", address: str | None = "10.0.0.7", phase: str = "Pending") -> Progress | None:
        return self.progress.of(KEY, [{"metadata": {"uid": uid}, "status": {"podIP": address, "phase": phase}}])


def test_a_running_pod_is_asked_every_five_seconds() -> None:
    asked = Asked()
    assert asked.of() is None
    assert (asked.urls, asked.calls) == (["http://10.0.0.7:8009/progress"], [0.0])
    assert asked.of() == Progress(step=3, steps=10, loss=0.5, tokens_per_second=80.0, seconds_left=7.0)
    assert (len(asked.urls), asked.calls) == (1, [0.0, 5.0])
    asked.now += 5.0
    asked.answer = OSError("refused")
    asked.of()
    assert len(asked.urls) == 2
    assert asked.of() == Progress(step=3, steps=10, loss=0.5, tokens_per_second=80.0, seconds_left=7.0)
    assert asked.of(uid="another") is None


@pytest.mark.parametrize("answer", [b"", b"{", b"[]", b'{"step": "x", "steps": 1}', b"null", b"\xff"])
def test_what_makes_no_sense_is_no_progress(answer: bytes) -> None:
    asked = Asked()
    asked.answer = answer
    asked.of()
    assert asked.of() is None


@pytest.mark.parametrize(("address", "phase"), [(None, "Running"), ("10.0.0.7", "Succeeded"), ("10.0.0.7", "Failed")])
def test_what_does_not_run_is_not_asked(address: str | None, phase: str) -> None:
    asked = Asked()
    assert asked.of(address=address, phase=phase) is None
    assert not asked.urls


def test_an_address_of_ip_6_is_bracketed() -> None:
    asked = Asked()
    asked.of(address="fd00::7")
    assert asked.urls == ["http://[fd00::7]:8009/progress"]
