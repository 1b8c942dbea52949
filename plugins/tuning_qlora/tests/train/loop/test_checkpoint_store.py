"""Checkpoints: which ones are complete, and which are removed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmwright_tuning_qlora.train.loop.checkpoint_store import CheckpointStore


def stage(store: CheckpointStore, step: int) -> None:
    staged = store.staging / f"checkpoint-{step}"
    (staged / "deep").mkdir(parents=True)
    (staged / "weights").write_bytes(b"w" * step)
    (staged / "deep" / "state").write_bytes(b"s")


@pytest.fixture
def store(tmp_path: Path) -> CheckpointStore:
    return CheckpointStore(tmp_path, "run-1", keep=2)


def test_the_newest_two_are_kept_in_order_of_steps(store: CheckpointStore) -> None:
    for step in (9, 10, 101):
        stage(store, step)
        store.commit(step)
    assert sorted(path.name for path in store.root.glob("checkpoint-*")) == ["checkpoint-10", "checkpoint-101"]
    newest = store.newest()
    assert newest is not None
    assert (newest.step, newest.fingerprint) == (101, "run-1")


@pytest.mark.parametrize("damage", ["shorten", "flip", "lose", "undescribe", "add"])
def test_a_damaged_checkpoint_is_skipped_and_removed(store: CheckpointStore, damage: str) -> None:
    for step in (1, 2):
        stage(store, step)
        store.commit(step)
    broken = store.root / "checkpoint-2"
    actions: dict[str, Callable[[], object]] = {
        "shorten": lambda: (broken / "weights").write_bytes(b"w"),
        "flip": lambda: (broken / "weights").write_bytes(b"wx"),
        "lose": lambda: (broken / "deep" / "state").unlink(),
        "undescribe": lambda: (broken / "complete.json").write_text('{"step": 2'),
        "add": lambda: (broken / "stray").write_text("?"),
    }
    actions[damage]()
    newest = store.newest()
    assert newest is not None
    assert newest.step == 1
    assert store.remove_incomplete() == [broken]
    assert not broken.exists()


def test_what_was_being_written_is_removed(store: CheckpointStore) -> None:
    stage(store, 7)
    assert store.newest() is None
    store.remove_incomplete()
    assert not store.staging.exists()
