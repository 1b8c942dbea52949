"""Two ranks as the driver starts them for two GPUs, here on the processor."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.support.tuning_process import arguments, events

from llmwright_tuning_qlora.driver import _ranks


def test_two_ranks_train_one_adapter(tiny_model: Path, facts: Path, tmp_path: Path) -> None:
    output, progress = tmp_path / "out", tmp_path / "progress.jsonl"
    options = {"max_steps": 2, "per_device_train_batch_size": 2}
    argv = arguments(tiny_model, facts, output, "--progress", str(progress), method="lora", options=options)
    launcher = [sys.executable if part == "$(python)" else part for part in _ranks(2)]
    done = subprocess.run(
        [*launcher, "-m", "llmwright_tuning_qlora.train", *argv], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((output / "training.json").read_text())["steps"] == 2
    assert (output / "adapter_model.safetensors").is_file()
    assert [event["event"] for event in events(progress)].count("done") == 1
