"""Pictures of results that are hard to draw."""

from __future__ import annotations

from pathlib import Path

import pytest
from core.tests.app.benchmark.support.results import level, result

from llmwright.app.benchmark.plot import write_plot
from llmwright.app.benchmark.record import Failure, Record
from llmwright.app.benchmark.result import BenchmarkResult
from llmwright.errors import ConfigError

STREAM = Record(0, 1, [0.5, 0.75, 1], input_tokens=20, output_tokens=3)
REFUSED = Record(0, 1, failure=Failure("HTTP 429", "busy", 429))


@pytest.mark.parametrize(
    "drawn",
    [
        result(level(1, 1.0, STREAM), level(8, 1.0, STREAM, STREAM)),
        result(level(4, 1.0, STREAM), level(4, 2.0, STREAM)),
        result(level(1, 1.0, Record(0, 1))),
        result(level(1, 1.0, REFUSED)),
        result(level(1, 1.0, STREAM), model=r"$\frac$ 模型"),
    ],
    ids=["ladder", "one level twice", "nothing is known", "nothing but failures", "name"],
)
def test_a_picture(drawn: BenchmarkResult, tmp_path: Path) -> None:
    write_plot(drawn, tmp_path / "p.svg")
    assert (tmp_path / "p.svg").read_text().startswith("<?xml")


def test_a_place_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "p.svg").mkdir()
    with pytest.raises(ConfigError, match="cannot be written: Is a directory"):
        write_plot(result(level(1, 1.0, STREAM)), tmp_path / "p.svg")
