"""Rows held out for evaluation."""

from __future__ import annotations

from llmwright_tuning_qlora.train.data.train_eval_split import split_rows


def test_the_split_is_whole_disjoint_and_seeded() -> None:
    train, held_out = split_rows(10, 0.8, shuffle=True, seed=1)
    assert sorted(train + held_out) == list(range(10))
    assert len(train) == 8
    assert split_rows(10, 0.8, shuffle=True, seed=1) == (train, held_out)
    assert split_rows(10, 0.8, shuffle=True, seed=2) != (train, held_out)
    assert split_rows(3, 1.0, shuffle=False, seed=0) == ([0, 1, 2], [])
