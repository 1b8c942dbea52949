"""When a checkpoint is due."""

from __future__ import annotations

from llmwright_tuning_qlora.train.loop.checkpoint_interval import CheckpointInterval


def test_the_interval_follows_the_cost_of_writing() -> None:
    interval = CheckpointInterval(None, started=0.0)
    assert not interval.due(4.9)
    assert interval.due(5.0)
    interval.written(5.0, 6.0)
    assert not interval.due(55.0)
    assert interval.due(56.0)
    interval.written(56.0, 100.0)
    assert interval.due(400.0)
    assert not CheckpointInterval(0, started=0.0).due(1e9)
    assert CheckpointInterval(2.5, started=0.0).due(2.5)
