"""A loss that is not a number ends the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


def test_a_loss_that_is_no_number_ends_the_run(
    facts: Path, tmp_path: Path, tune: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    options = {"learning_rate": 9e15, "max_grad_norm": 0, "max_steps": 30, "optim": "sgd"}
    assert tune(facts, tmp_path / "out", method="lora", options=options) == 1
    assert "the loss is not a number at step" in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "out" / "fine_tuning_completed.txt").exists()
