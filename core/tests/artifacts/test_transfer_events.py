"""The progress of a transfer as events, and as a process that fetches weights tells it on the port of its pod."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from core.tests.artifacts.support.models import PACKED, SHARDS, write_model
from tests.support.hub import Hub
from tests.support.told_progress import told
from tests.support.waiting import wait_until

from llmwright.artifacts.hub_snapshot import fetch_before_loading
from llmwright.artifacts.transfer_events import TransferEvents
from llmwright.plugins.progress_server import PORT
from llmwright.testing.cluster.programs import free_port

NAME = "acme/tiny"


def test_two_events_a_second_are_told_and_always_the_last() -> None:
    told: list[Mapping[str, Any]] = []
    now = [0.0]
    events = TransferEvents("pull", told.append, lambda: now[0])
    for at, done in ((0.0, 0), (0.1, 10), (0.6, 60), (0.7, 70), (0.8, 100)):
        now[0] = at
        events(done, 100)
    assert [event["bytes"] for event in told] == [0, 60, 100]
    assert told[0] == {"event": "pull", "bytes": 0, "total": 100}
    assert told[1] == {"event": "pull", "bytes": 60, "total": 100, "bytes_per_second": 100, "seconds_left": 0.4}


def test_without_a_size_the_time_left_is_not_known() -> None:
    told: list[Mapping[str, Any]] = []
    now = [0.0]
    events = TransferEvents("download", told.append, lambda: now[0])
    events(0, None)
    now[0] = 1.0
    events(7, None)
    assert told[-1] == {"event": "download", "bytes": 7, "total": None, "bytes_per_second": 7}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that sends its large files slowly until it is told to hurry."""
    hub = Hub()
    hub.add(NAME, write_model(tmp_path / "model"))
    hub.slow = frozenset(SHARDS)
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "home"))
    monkeypatch.setenv(PORT, str(free_port()))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    yield hub
    hub.close()


FETCHES = ("-m", "llmwright.artifacts", "fetch-model", "--model", NAME, "--allow", "localhost")
LOADS = ("-c", f"from llmwright.artifacts.hub_snapshot import fetch_before_loading as f; f({NAME!r}, None)")


@pytest.mark.parametrize("command", [FETCHES, LOADS], ids=["a step before the server", "the server itself"])
def test_whoever_asks_is_told_bytes_rate_and_time_left(hub: Hub, command: tuple[str, ...]) -> None:
    total = sum(len(hub.repositories[NAME].files[name]) for name in PACKED)
    with subprocess.Popen([sys.executable, *command], stdout=subprocess.DEVNULL) as process:
        seen: list[dict[str, Any]] = []

        def is_under_way() -> bool:
            assert process.poll() is None, "it ended before it told anything"
            event = told(os.environ[PORT])
            seen.extend([event] if event is not None else [])
            return event is not None and "seconds_left" in event and 0 < event["bytes"] < total

        wait_until(is_under_way, "the download is told")
        hub.hurry.set()
        assert process.wait(60) == 0
    assert (seen[-1]["event"], seen[-1]["total"]) == ("download", total)
    assert seen[-1]["bytes_per_second"] > 0


def test_a_model_that_is_there_opens_no_port(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.slow = frozenset()
    fetch_before_loading(NAME, None, str(tmp_path / "cache"))
    assert told(os.environ[PORT]) is None
