"""Weights on their way to this machine: what the status says, and what a restart downloads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from core.tests.artifacts.support.models import PACKED, write_model
from core.tests.targets.local.support.launches import make_workspace, serving
from core.tests.targets.local.support.machine import Machine, condition_of
from tests.support.hub import Hub
from tests.support.plans import make_plan
from tests.support.waiting import wait_until

from llmwright.plugins.weights import FETCH_MODEL
from llmwright.targets.local.supervisor.download_progress import read_download
from llmwright.values.launch import Launch, Process

NAME = "acme/tiny"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    hub = Hub()
    hub.add(NAME, write_model(tmp_path / "model"))
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "huggingface"))
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE", "HF_HUB_CACHE"):
        monkeypatch.delenv(name, raising=False)
    yield hub
    hub.close()


def fetching(*more: str) -> Launch:
    """A server, and before it the process that brings the model."""
    argv = ("$(python)", "-m", "llmwright.artifacts", FETCH_MODEL, "--model", NAME, "--allow", "localhost", *more)
    return replace(serving("tiny"), prepare=(Process(name=FETCH_MODEL, argv=argv),))


def test_a_restart_downloads_nothing(hub: Hub, machine: Machine) -> None:
    machine.target.apply(make_workspace(), make_plan(serving=fetching()))
    assert machine.wait("Ready").state == "Ready"
    assert sorted(hub.downloads) == sorted(PACKED)
    (progress,) = machine.root.rglob("serving.fetch-model.progress.jsonl")
    shown = read_download(progress)
    assert shown is not None
    assert shown.bytes == shown.total_bytes == sum(len(hub.repositories[NAME].files[name]) for name in PACKED)
    machine.target.delete("default", "demo")
    wait_until(lambda: not machine.supervisors(), "the supervisor ended")
    machine.target.apply(make_workspace(), make_plan(serving=fetching()))
    assert machine.wait("Ready").state == "Ready"
    assert sorted(hub.downloads) == sorted(PACKED)


@pytest.mark.parametrize(
    ("token", "revision", "reason", "words"),
    [
        ("", "main", "TokenMissing", "/acme/tiny"),
        ("hf_strangerstranger", "main", "LicenceNotAccepted", "/acme/tiny"),
        ("hf_unknownunknown", "main", "TokenInvalid", "mistyped, expired or revoked"),
        ("hf_validvalidvalidvalid", "v9", "RevisionNotFound", "has no revision v9"),
    ],
)
def test_a_refusal_is_in_the_status(
    hub: Hub, machine: Machine, monkeypatch: pytest.MonkeyPatch, token: str, revision: str, reason: str, words: str
) -> None:
    hub.repositories[NAME].gated = True
    if token:
        monkeypatch.setenv("HF_TOKEN", token)
    machine.target.apply(make_workspace(), make_plan(serving=fetching("--revision", revision)))
    status = machine.wait_until_failed()
    found, message = condition_of(status, "InferenceReady")
    assert found == reason
    assert words in message
    assert condition_of(status, "Stalled")[0] == reason
    logs = "".join(path.read_text() for path in machine.root.rglob("*.log"))
    assert not token or token not in logs + status.model_dump_json()


def test_without_a_network_the_status_names_the_hub(hub: Hub, machine: Machine) -> None:
    """It is tried again: nobody here can repair it, so it counts as no failure of the Workspace."""
    hub.close()
    machine.target.apply(make_workspace(), make_plan(serving=fetching()))

    def told() -> str:
        condition = machine.status().condition("InferenceReady")
        return condition.message if condition is not None and condition.reason == "HubUnreachable" else ""

    assert hub.url in wait_until(told, "the status says that the hub is not reached")
    stalled = machine.status().condition("Stalled")
    assert stalled is None or stalled.status != "True"


@pytest.mark.parametrize(
    ("text", "download"),
    [
        (
            '{"event": "download", "bytes": 5, "total": 10, "bytes_per_second": 2, "seconds_left": 2.5}\n',
            (5, 10, 2, 2.5),
        ),
        ('{"bytes": 5, "total": 10}\n{"bytes": 7', (5, 10, None, None)),
        ('{"bytes": "many"}\n', None),
        ("[]\n", None),
        ("", None),
    ],
)
def test_the_last_whole_line_counts(tmp_path: Path, text: str, download: tuple[float | None, ...] | None) -> None:
    file = tmp_path / "progress.jsonl"
    file.write_text(text)
    file.chmod(0o600)
    read = read_download(file)
    assert download == (read and (read.bytes, read.total_bytes, read.bytes_per_second, read.seconds_left))


def test_nothing_is_read_where_nothing_is(tmp_path: Path) -> None:
    assert read_download(tmp_path / "none") is None
