"""Where a run starts, by the newest checkpoint."""

from __future__ import annotations

from pathlib import Path

from llmwright_tuning_qlora.train.loop.checkpoint_store import Checkpoint
from llmwright_tuning_qlora.train.pipeline import choose_start

NEWEST = Checkpoint(Path("checkpoint-3"), 3, "run-1")


def test_a_run_starts_at_its_own_checkpoint_only() -> None:
    assert choose_start(NEWEST, "run-1", resume=True).checkpoint == NEWEST
    other = choose_start(NEWEST, "run-2", resume=True)
    assert other.checkpoint is None
    assert "Starting anew" in other.message
    assert choose_start(NEWEST, "run-1", resume=False).checkpoint is None
    assert choose_start(None, "run-1", resume=True).message == ""
