"""Checkpoints: what counts, what is removed, when one is due; and the order of rows that resuming rests on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llmwright_tuning_qlora.train.loop.checkpoint_store import Cadence, CheckpointStore
from llmwright_tuning_qlora.train.loop.sampler import EpochSampler, epoch_order
from llmwright_tuning_qlora.train.pipeline import decide_start


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
    assert store.clean() == [broken]
    assert not broken.exists()


def test_what_was_being_written_is_removed(store: CheckpointStore) -> None:
    stage(store, 7)
    assert store.newest() is None
    store.clean()
    assert not store.staging.exists()


def test_a_run_starts_at_its_own_checkpoint_only(store: CheckpointStore) -> None:
    stage(store, 3)
    found = store.commit(3)
    assert decide_start(found, "run-1", wanted=True).checkpoint == found
    other = decide_start(found, "run-2", wanted=True)
    assert other.checkpoint is None
    assert "Starting anew" in other.message
    assert decide_start(found, "run-1", wanted=False).checkpoint is None
    assert decide_start(None, "run-1", wanted=True).message == ""


def test_cadence_follows_what_writing_costs() -> None:
    cadence = Cadence(None, started=0.0)
    assert not cadence.due(4.9)
    assert cadence.due(5.0)
    cadence.written(5.0, 6.0)
    assert not cadence.due(55.0)
    assert cadence.due(56.0)
    cadence.written(56.0, 100.0)
    assert cadence.due(400.0)
    assert not Cadence(0, started=0.0).due(1e9)
    assert Cadence(2.5, started=0.0).due(2.5)


def test_an_epochs_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = [n % 17 + 1 for n in range(103)]
    options = {"shuffle": True, "group": True}
    first = epoch_order(lengths, 4, 1, 0, **options)
    assert sorted(first) == list(range(103))
    assert first == epoch_order(lengths, 4, 1, 0, **options)
    assert first != epoch_order(lengths, 4, 1, 1, **options)
    assert first != epoch_order(lengths, 4, 2, 0, **options)
    assert max(lengths[index] for index in first[:4]) == max(lengths)
    sampler = EpochSampler(lengths, 4, 1, **options)
    sampler.set_epoch(1)
    assert list(sampler) == epoch_order(lengths, 4, 1, 1, **options)
    assert list(EpochSampler(lengths, 4, 1, shuffle=False, group=True)) == list(range(103))


def test_grouping_saves_padding() -> None:
    lengths = [(n * 37) % 101 + 1 for n in range(400)]

    def padded(order: list[int]) -> int:
        return sum(8 * max(lengths[index] for index in order[i : i + 8]) for i in range(0, 400, 8))

    grouped = epoch_order(lengths, 8, 0, 0, shuffle=True, group=True)
    assert padded(grouped) < 0.7 * padded(epoch_order(lengths, 8, 0, 0, shuffle=True, group=False))
