"""Figures from records whose times are known: no clock runs here."""

from __future__ import annotations

import pytest

from llmwright.app.benchmark.record import Failure, Record
from llmwright.app.benchmark.statistics import LevelRecords, level_result, percentile, spread_of


def streamed(began: float, first: float, gap: float, tokens: int, **fields: object) -> Record:
    """A stream whose first piece comes after ``first`` seconds, and each further one after ``gap``."""
    pieces = [began + first + gap * number for number in range(tokens)]
    return Record(began, pieces[-1], pieces, output_tokens=tokens, **fields)  # type: ignore[arg-type]


def level(*records: Record, seconds: float = 10.0) -> LevelRecords:
    return LevelRecords(2, list(records), began=0.0, ended=seconds)


@pytest.mark.parametrize(
    ("values", "share", "wanted"),
    [([1.0], 0.99, 1.0), ([1.0, 3.0], 0.5, 2.0), ([0.0, 1.0, 2.0, 3.0, 4.0], 0.95, 3.8), ([5.0, 5.0], 0.5, 5.0)],
)
def test_a_percentile_lies_between_its_neighbours(values: list[float], share: float, wanted: float) -> None:
    assert percentile(values, share) == pytest.approx(wanted)


def test_a_spread_of_the_first_hundred_numbers() -> None:
    spread = spread_of(range(101))
    assert spread is not None
    assert (spread.low, spread.p50, spread.p95, spread.p99, spread.high) == (0, 50, 95, 99, 100)
    assert (spread.count, spread.mean) == (101, 50)
    assert spread_of([]) is None


def test_times_of_streams() -> None:
    result = level_result(level(streamed(0, 0.2, 0.05, 11), streamed(1, 0.4, 0.03, 11)))
    assert result.ttft_ms is not None
    assert (result.ttft_ms.low, result.ttft_ms.high) == pytest.approx((200, 400))
    assert result.tpot_ms is not None
    assert (result.tpot_ms.low, result.tpot_ms.high) == pytest.approx((30, 50))
    assert result.itl_ms is not None
    assert result.itl_ms.count == 20
    assert result.itl_ms.mean == pytest.approx(40)
    assert result.latency_ms is not None
    assert result.latency_ms.high == pytest.approx(700)


def test_rates_are_over_the_span_of_the_level() -> None:
    records = [streamed(0, 0.1, 0.1, 20, input_tokens=50), streamed(0, 0.1, 0.1, 30, input_tokens=70)]
    result = level_result(level(*records, seconds=4.0))
    assert (result.requests_per_s, result.input_tokens_per_s, result.output_tokens_per_s) == (0.5, 30, 12.5)


def test_several_tokens_in_one_piece() -> None:
    """The usage says 21 tokens, of which the last ones have no text: 2 s after the first piece, 0.1 s for each."""
    result = level_result(level(Record(0, 3, [1, 1.5, 2, 2.5], output_tokens=21)))
    assert result.tpot_ms is not None
    assert result.tpot_ms.mean == pytest.approx(100)
    assert result.itl_ms is not None
    assert result.itl_ms.mean == pytest.approx(500)


def test_failures_are_no_successes_and_give_no_times() -> None:
    broken = Record(0, 9, [1, 2, 3], 50, 3, failure=Failure("broken stream", "gone"))
    refused = [Record(0, 0.01, failure=Failure("HTTP 429", f"no {number}", 429)) for number in range(2)]
    result = level_result(level(broken, *refused, streamed(0, 0.1, 0.1, 5, input_tokens=7)))
    assert (result.succeeded, result.failed) == (1, 3)
    assert [(each.kind, each.count, each.example) for each in result.failures] == [
        ("HTTP 429", 2, "no 0"),
        ("broken stream", 1, "gone"),
    ]
    assert (result.output_tokens_per_s, result.input_tokens_per_s, result.requests_per_s) == (0.5, 0.7, 0.1)
    assert result.latency_ms is not None
    assert result.latency_ms.count == 1


def test_nothing_but_failures() -> None:
    result = level_result(level(Record(0, 1, failure=Failure("timeout", "slow"))))
    assert (result.succeeded, result.requests_per_s, result.output_tokens_per_s) == (0, 0, None)
    assert (result.ttft_ms, result.tpot_ms, result.latency_ms, result.counted) == (None, None, None, "unknown")


def test_without_usage_pieces_are_counted_and_prompts_are_unknown() -> None:
    result = level_result(level(Record(0, 1, [0.1, 0.2, 0.3])))
    assert (result.counted, result.output_tokens_per_s, result.input_tokens_per_s) == ("pieces", 0.3, None)


def test_one_answer_of_unknown_length_leaves_the_rate_unknown() -> None:
    result = level_result(level(Record(0, 1, output_tokens=5), Record(0, 1)))
    assert result.output_tokens_per_s is None


def test_whole_answers_have_no_first_token() -> None:
    result = level_result(level(Record(0, 1, input_tokens=4, output_tokens=5)))
    assert (result.ttft_ms, result.tpot_ms, result.itl_ms) == (None, None, None)
    assert result.output_tokens_per_s == 0.5


def test_answers_of_another_length_than_asked() -> None:
    lengths = (5, 8, 9)
    result = level_result(level(*(Record(0, 1, output_tokens=tokens, max_tokens=8) for tokens in lengths)))
    assert (result.too_short, result.too_long) == (1, 1)


def test_a_level_without_an_end_ends_with_its_last_record() -> None:
    result = level_result(LevelRecords(1, [Record(1, 3, output_tokens=4)], began=1.0))
    assert (result.seconds, result.output_tokens_per_s) == (2, 2)


def test_a_level_that_never_began() -> None:
    assert level_result(LevelRecords(1)).seconds == 0
