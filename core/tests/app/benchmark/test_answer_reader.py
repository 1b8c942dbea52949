"""Times, usage and end of an answer, from bytes with known times."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmwright.app.benchmark.answer_reader import AnswerReader
from llmwright.errors import TargetError


def event(content: Any) -> bytes:
    return f"data: {content if isinstance(content, str) else json.dumps(content)}\n\n".encode()


def delta(**fields: Any) -> bytes:
    return event({"choices": [{"delta": fields}]})


def read(*chunks: bytes) -> AnswerReader:
    """Feed each chunk, the first one at 1 s, the next at 2 s, and so on."""
    reader = AnswerReader()
    for number, chunk in enumerate(chunks, 1):
        reader.feed(chunk, float(number))
    reader.close(float(len(chunks) + 1))
    return reader


def test_the_first_piece_is_the_first_text() -> None:
    reader = read(delta(role="assistant", content=""), delta(content="a"), delta(content=None), delta(content="b"))
    assert list(reader.pieces) == [2, 4]
    assert not reader.complete


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_text(field: str) -> None:
    assert list(read(delta(**{field: "hm"})).pieces) == [1]


def test_tool_calls_and_plain_completions_are_text() -> None:
    assert list(read(delta(tool_calls=[{"index": 0}]), event({"choices": [{"text": "a"}]})).pieces) == [1, 2]


def test_an_event_in_two_chunks_has_the_time_of_its_end() -> None:
    whole = delta(content="a")
    assert list(read(whole[:20], whole[20:]).pieces) == [2]


def test_several_events_in_one_chunk() -> None:
    assert list(read(delta(content="a") + delta(content="b")).pieces) == [1, 1]


@pytest.mark.parametrize("end", [event("[DONE]"), event({"choices": [{"delta": {}, "finish_reason": "length"}]})])
def test_the_end_is_announced(end: bytes) -> None:
    assert read(delta(content="a"), end).complete
    assert read(delta(content="a"), end.rstrip()).complete


def test_the_last_usage_counts() -> None:
    usages = [{"prompt_tokens": 3, "completion_tokens": count} for count in (1, 2)]
    reader = read(*(event({"choices": [], "usage": usage}) for usage in usages), event({"usage": None}))
    assert (reader.input_tokens, reader.output_tokens) == (3, 2)


@pytest.mark.parametrize("usage", [None, [], {}, {"completion_tokens": "5"}, {"completion_tokens": -1}])
def test_a_usage_that_says_nothing(usage: Any) -> None:
    assert read(event({"choices": [], "usage": usage})).output_tokens is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (b"data: {broken\n\n", "MalformedAnswer"),
        (b"data: 5\n\n", "MalformedAnswer"),
        (event({"error": {"message": "out of memory"}}), "AnswerBrokeOff"),
        (b"event: error\ndata: gone\n\n", "AnswerBrokeOff"),
    ],
)
def test_faults(fault: bytes, reason: str) -> None:
    with pytest.raises(TargetError) as raised:
        read(delta(content="a"), fault)
    assert raised.value.reason == reason
