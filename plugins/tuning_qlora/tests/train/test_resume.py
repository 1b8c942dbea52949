"""Killed, terminated, damaged, changed: a run goes on where it was, and ends as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.support.tuning_process import arguments, events
from tests.support.waiting import wait_until

# Dropout and shuffling make the run depend on all that a checkpoint has to restore: random state and order of rows.
OPTIONS: dict[str, Any] = {
    "num_train_epochs": 10,
    "per_device_train_batch_size": 3,
    "learning_rate": 0.01,
    "lora": {"r": 8, "lora_dropout": 0.2},
    "checkpoint_seconds": 0.01,
}
STEPS = 30


@pytest.fixture(scope="module")
def whole(tiny_model: Path, facts: Path, tmp_path_factory: pytest.TempPathFactory) -> list[list[float]]:
    """The losses of a run that nothing disturbed."""
    output = tmp_path_factory.mktemp("whole") / "out"
    _, stderr = start(tiny_model, facts, output).communicate()
    assert (output / "fine_tuning_completed.txt").exists(), stderr
    losses: list[list[float]] = json.loads((output / "training.json").read_text())["losses"]
    assert [step for step, _ in losses] == list(range(1, STEPS + 1))
    return losses


def start(model: Path, data: Path, output: Path, *more: str, **changed: Any) -> subprocess.Popen[str]:
    argv = arguments(model, data, output, *more, options={**OPTIONS, **changed})
    command = [sys.executable, "-m", "llmwright_tuning_qlora.train", *argv]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def stop_at(model: Path, data: Path, output: Path, step: int, number: signal.Signals) -> int:
    """Start a run and send ``number`` once the checkpoint of ``step`` or a later one is there."""
    process = start(model, data, output)
    checkpoints = output / "checkpoints"

    def is_there() -> bool:
        return any(int(path.name.rpartition("-")[2]) >= step for path in checkpoints.glob("checkpoint-*"))

    wait_until(lambda: is_there() or process.poll() is not None, f"the checkpoint of step {step}", every_s=0.005)
    process.send_signal(number)
    process.communicate()
    return process.returncode


def final_losses(output: Path) -> list[list[float]]:
    losses: list[list[float]] = json.loads((output / "training.json").read_text())["losses"]
    return losses


@pytest.mark.parametrize("step", [2, 13])
def test_a_killed_run_ends_as_an_undisturbed_one(
    step: int, whole: list[list[float]], tiny_model: Path, facts: Path, tmp_path: Path, tune: Callable[..., int]
) -> None:
    output, progress = tmp_path / "out", tmp_path / "progress"
    assert stop_at(tiny_model, facts, output, step, signal.SIGKILL) == -signal.SIGKILL
    assert not (output / "fine_tuning_completed.txt").exists()
    assert tune(facts, output, "--progress", str(progress), options=OPTIONS) == 0
    resumed = [event for event in events(progress) if event["event"] == "resumed"]
    assert resumed[0]["step"] >= step
    losses = final_losses(output)
    assert [one for one, _ in losses] == [one for one, _ in whole]
    assert [loss for _, loss in losses] == pytest.approx([loss for _, loss in whole], rel=1e-3)


def test_sigterm_keeps_a_checkpoint_and_ends_with_143(
    whole: list[list[float]], tiny_model: Path, facts: Path, tmp_path: Path, tune: Callable[..., int]
) -> None:
    output = tmp_path / "out"
    assert stop_at(tiny_model, facts, output, 3, signal.SIGTERM) == 143
    assert tune(facts, output, options=OPTIONS) == 0
    assert [loss for _, loss in final_losses(output)] == pytest.approx([loss for _, loss in whole], rel=1e-3)


def test_a_damaged_checkpoint_is_passed_over(
    whole: list[list[float]],
    tiny_model: Path,
    facts: Path,
    tmp_path: Path,
    tune: Callable[..., int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    output = tmp_path / "out"
    stop_at(tiny_model, facts, output, 5, signal.SIGTERM)
    newest = max((output / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    weights = newest / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1])
    assert tune(facts, output, options=OPTIONS) == 0
    assert f"{newest.name} is not whole: removed." in capsys.readouterr().out
    assert [loss for _, loss in final_losses(output)] == pytest.approx([loss for _, loss in whole], rel=1e-3)


def test_another_configuration_starts_anew_and_says_so(
    tiny_model: Path, facts: Path, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    output, progress = tmp_path / "out", tmp_path / "progress"
    stop_at(tiny_model, facts, output, 2, signal.SIGKILL)
    assert tune(facts, output, "--progress", str(progress), options={**OPTIONS, "learning_rate": 0.002}) == 0
    assert "Starting anew: the checkpoints are of other data" in capsys.readouterr().out
    assert "resumed" not in {event["event"] for event in events(progress)}
    assert len(final_losses(output)) == STEPS


def test_a_sentinel_of_another_run_does_not_stand_while_training(
    facts: Path, tmp_path: Path, tune: Callable[..., int]
) -> None:
    output = tmp_path / "out"
    assert tune(facts, output, options={"max_steps": 1}) == 0
    first = json.loads((output / "training.json").read_text())["fingerprint"]
    assert tune(facts, output, options={"max_steps": 2}) == 0
    assert json.loads((output / "training.json").read_text())["fingerprint"] != first


def test_it_ends_with_its_parent(tiny_model: Path, facts: Path, tmp_path: Path) -> None:
    argv = list(
        arguments(tiny_model, facts, tmp_path / "out", "--exit-with-parent", options={**OPTIONS, "max_steps": 10**6})
    )
    command = [sys.executable, "-m", "llmwright_tuning_qlora.train", *argv]
    parent = (
        "import subprocess, sys, time, pathlib\n"
        f"child = subprocess.Popen({command!r}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)\n"
        "print(child.pid, flush=True)\n"
        f"while not list(pathlib.Path({str(tmp_path / 'out')!r}).glob('checkpoints/checkpoint-*')): time.sleep(0.02)\n"
    )
    started = subprocess.run([sys.executable, "-c", parent], capture_output=True, text=True, check=True)
    child = int(started.stdout)
    wait_until(lambda: not _runs(child), "the trainer ends")


def _runs(process: int) -> bool:
    try:
        os.kill(process, 0)
        status = Path(f"/proc/{process}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return False
    # An orphan that has ended may stay a zombie where no init collects it.
    return status.rpartition(")")[2].split()[0] != "Z"
