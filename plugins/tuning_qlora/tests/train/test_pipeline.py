"""Where a run starts, by the newest checkpoint, and where it loads its model from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.hub import COMMIT, TOKEN, Hub
from tests.support.tuning_process import arguments

from llmwright_tuning_qlora.train import pipeline
from llmwright_tuning_qlora.train.loop.checkpoint_store import Checkpoint
from llmwright_tuning_qlora.train.pipeline import choose_start, fetched
from llmwright_tuning_qlora.train.tuning_options import TuningOptions, parse_options

NEWEST = Checkpoint(Path("checkpoint-3"), 3, "run-1")
MODEL = "acme/tiny"
HUB_MODEL = ("--model", MODEL, "--revision", COMMIT)


def test_a_run_starts_at_its_own_checkpoint_only() -> None:
    assert choose_start(NEWEST, "run-1", resume=True).checkpoint == NEWEST
    other = choose_start(NEWEST, "run-2", resume=True)
    assert other.checkpoint is None
    assert "Starting anew" in other.message
    assert choose_start(NEWEST, "run-1", resume=False).checkpoint is None
    assert choose_start(None, "run-1", resume=True).message == ""


def options(tmp_path: Path, *more: str) -> TuningOptions:
    return parse_options([*arguments(tmp_path, tmp_path, tmp_path, *more, method="lora"), *HUB_MODEL])


@pytest.mark.parametrize(
    ("more", "by_id"),
    [
        ((), False),
        (("--trust-remote-code",), True),
        (("--check-only",), True),
        (("--options", '{"model": {"local_files_only": true}}'), True),
    ],
    ids=["a model", "with code of its own", "the data alone", "offline by its config"],
)
def test_a_model_of_the_hub_is_loaded_from_its_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], by_id: bool
) -> None:
    """It keeps its name and revision: the checkpoints and the adapter are of them, and of no place on a disk."""
    monkeypatch.setattr(pipeline, "fetch_before_loading", lambda model, *_: tmp_path / model)
    asked = options(tmp_path, *more)
    brought = fetched(asked)

    assert (brought.loaded_from, brought.loaded_revision) == (
        (MODEL, COMMIT) if by_id else (str(tmp_path / MODEL), None)
    )
    assert replace(brought, directory=None) == asked


def test_a_directory_stays_as_it_is(tmp_path: Path) -> None:
    asked = parse_options(arguments(tmp_path, tmp_path, tmp_path, method="lora"))
    assert fetched(asked) == asked


@pytest.fixture
def hub(tiny_model: Path) -> Iterator[Hub]:
    """A hub with the tiny model, for those who accepted its licence."""
    hub = Hub()
    hub.add(MODEL, tiny_model, gated=True)
    yield hub
    hub.close()


@pytest.mark.parametrize("before", [True, False], ids=["fetched before", "by itself"])
def test_the_hub_is_asked_for_the_model_s_files_and_once(hub: Hub, facts: Path, tmp_path: Path, before: bool) -> None:
    """Nothing more is asked for, not even files that the model need not have.

    The process that fetched before had the token, and the tuner has none.
    """
    place = {"HF_ENDPOINT": hub.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    without = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "TRANSFORMERS_"))}
    stranger, known = {**without, **place}, {**without, **place, "HF_TOKEN": TOKEN}
    if before:
        allowed = ("--allow", "127.0.0.1", "--allow", "localhost")
        process(known, "llmwright.artifacts", "fetch-model", *HUB_MODEL, *allowed)
        hub.requests.clear()
    output, names = tmp_path / "out", ("--base-name", MODEL, "--preset-name", "tiny")
    argv = arguments(tmp_path, facts, output, *names, method="lora", options={"max_steps": 1})
    process(stranger if before else known, "llmwright_tuning_qlora.train", *argv, *HUB_MODEL)

    asked = {request.partition(f"/{MODEL}/resolve/{COMMIT}/")[2] for request in hub.requests} - {""}
    assert asked == (set() if before else set(hub.repositories[MODEL].files))
    assert not before or hub.requests == []
    config = json.loads((output / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (MODEL, COMMIT)
    assert not [file.name for file in output.glob("*.*") if str(tmp_path / "hf").encode() in file.read_bytes()]


def process(environment: dict[str, str], module: str, *argv: str) -> None:
    command = [sys.executable, "-m", module, *argv]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
