"""Spans of time, and how long `wait` waits for several Workspaces."""

from __future__ import annotations

from types import SimpleNamespace

import click
import pytest
from core.tests.targets.kubernetes.support.clock import Clock
from tests.support.command import Run

from llmwright.cli import wait as wait_module
from llmwright.cli.arguments import span
from llmwright.targets.local.target import LocalTarget


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("1.5", 1.5), ("0", 0), ("30s", 30), ("10m", 600), ("1h30m", 5400), ("1m2.5s", 62.5)],
)
def test_a_span_of_time_is_in_seconds(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "m", "1h30", "10m5", "1.5h", "-1", "30 s", "1m1h"])
def test_what_may_mean_something_else_is_no_span(text: str) -> None:
    with pytest.raises(click.BadParameter, match="write 90, 30s, 10m or 1h30m"):
        span(text)


def test_several_workspaces_are_waited_for_no_longer_than_one(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, left = Clock(), list[float]()

    def wait(_: LocalTarget, namespace: str, name: str, condition: str, timeout_s: float) -> None:
        left.append(timeout_s)
        clock.now += 20.0

    monkeypatch.setattr(LocalTarget, "wait", wait)
    monkeypatch.setattr(wait_module, "time", SimpleNamespace(monotonic=clock))
    assert run("wait", "a", "b", "c", "--for=condition=ResourceReady", "--timeout=30s").code == 0
    assert left == [30.0, 10.0, 0.0]
