"""The reader of calls: all formats, in pieces of any length."""

from __future__ import annotations

import json
import time

import pytest
from tests.support.tool_call_texts import ANSWERS, TOOLS, Answer

from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS
from llmwright_runtime_hf.serve.http.calls.call_reader import CallReader, Piece
from llmwright_runtime_hf.serve.http.calls.json_calls import calls_of
from llmwright_runtime_hf.serve.http.calls.tool_call import ToolCall

CALL = '<tool_call>\n{"name": "weather", "arguments": {"place": "Oslo", "days": 2}}\n</tool_call>'


def read(parser: str, text: str, step: int) -> list[Piece]:
    reader = CallReader(parser)
    pieces = [piece for at in range(0, len(text), step) for piece in reader.push(text[at : at + step])]
    return [*pieces, *reader.finish()]


@pytest.mark.parametrize("step", [1, 3, 1000])
@pytest.mark.parametrize(
    ("parser", "text", "content", "names"),
    [
        ("hermes", f"Hm.{CALL}", "Hm.", ["weather"]),
        ("hermes", f"\n\n{CALL}", "", ["weather"]),
        ("hermes", f"\n\nHm.{CALL}", "\n\nHm.", ["weather"]),
        ("hermes", "\n\n", "\n\n", []),
        ("hermes", "\n <tool", "\n <tool", []),
        ("hermes", '<tool_call>{"name": "a", "arguments": {}}', "", ["a"]),
        ("hermes", "<tool_call>nothing</tool_call> <tool", "<tool_call>nothing</tool_call> <tool", []),
        ("hermes", '<tool_call>{"name": "a", "arguments": 1}</tool_call>', None, []),
        ("llama3_json", '{"name": "a", "parameters": {"x": 1}}; {"name": "b", "parameters": {}}', "", ["a", "b"]),
        ("llama3_json", '<|python_tag|>{"name": "a", "parameters": {}}', "", ["a"]),
        ("llama3_json", '{"colour": "red"}', '{"colour": "red"}', []),
        ("llama3_json", "plain {text}", "plain {text}", []),
        ("llama3_json", "  ", "  ", []),
        ("llama3_json", 'So: {"name": "a", "parameters": {}}', 'So: {"name": "a", "parameters": {}}', []),
        ("llama3_json", "a <|{b}", "a <|{b}", []),
        ("hermes", f"{CALL}{CALL}.", ".", ["weather"] * 2),
        ("mistral", '[TOOL_CALLS] [{"name": "a", "arguments": {}}, {"name": "b", "arguments": {}}]', "", ["a", "b"]),
        ("mistral", 'Hm.[TOOL_CALLS]a{"x": 1}[TOOL_CALLS]b[ARGS]{}', "Hm.", ["a", "b"]),
        ("mistral", "[TOOL_CALLS]", "[TOOL_CALLS]", []),
        ("mistral", "[TOOL", "[TOOL", []),
    ],
)
def test_calls_are_found_in_any_pieces(
    parser: str, text: str, content: str | None, names: list[str], step: int
) -> None:
    pieces = read(parser, text, step)

    assert [piece.name for piece in pieces if isinstance(piece, ToolCall)] == names
    assert "".join(piece for piece in pieces if isinstance(piece, str)) == (text if content is None else content)


def test_an_answer_that_goes_round_in_circles_is_read() -> None:
    pieces = read("hermes", "<tool_call></tool_call>" * 2000, 10**6)

    assert pieces == ["<tool_call></tool_call>"] * 2000


@pytest.mark.parametrize("before", ["a", "a[CALL_ID]"])
def test_blanks_without_end_are_read_at_once(before: str) -> None:
    """A user may have a model write them; 100,000 took minutes of everybody's event loop."""
    assert calls_of(f"[TOOL_CALLS]{before}{' ' * 100_000}") == []


def test_arguments_stay_json() -> None:
    (call,) = calls_of('{"name": "a", "arguments": {"x": "ä", "y": [1, null]}}')

    assert json.loads(call.arguments) == {"x": "ä", "y": [1, None]}
    assert call.id.isalnum()
    assert len(call.id) == 9


@pytest.mark.parametrize("step", [1, 7, 10_000])
@pytest.mark.parametrize("answer", ANSWERS, ids=lambda answer: answer.parser)
def test_each_family_is_read(answer: Answer, step: int) -> None:
    parameters = {tool["function"]["name"]: tool["function"]["parameters"] for tool in TOOLS}
    reader = CallReader(answer.parser, parameters)
    texts = [answer.text[at : at + step] for at in range(0, len(answer.text), step)]
    pieces = [*(piece for text in texts for piece in reader.push(text)), *reader.finish()]

    calls = [piece for piece in pieces if isinstance(piece, ToolCall)]
    assert [(call.name, json.loads(call.arguments)) for call in calls] == [*answer.calls]
    assert "".join(piece for piece in pieces if isinstance(piece, str)).strip() == answer.content


def test_kimi_keeps_its_own_numbers() -> None:
    answer = next(answer for answer in ANSWERS if answer.parser == "kimi_k2")
    calls = [piece for piece in read("kimi_k2", answer.text, 9) if isinstance(piece, ToolCall)]

    assert [call.id for call in calls] == ["functions.weather:0", "functions.now:1"]


@pytest.mark.parametrize("parser", FORMATS)
@pytest.mark.parametrize(
    "filling", [" ", "<", "{", "[", "call:a{b:", "<parameter=a>", "<arg_key>a</arg_key><arg_value>"]
)
def test_no_answer_takes_long(parser: str, filling: str) -> None:
    """A user may have a model write it: the event loop of everybody reads it."""
    form = FORMATS[parser]
    text = f"{form.begin}{filling * (100_000 // len(filling))}{form.end}"
    before = time.process_time()

    pieces = read(parser, text, 10**6)

    assert "".join(piece for piece in pieces if isinstance(piece, str)).strip() == text.strip()
    assert time.process_time() - before < 2


@pytest.mark.parametrize("parser", sorted({answer.parser for answer in ANSWERS} - {"granite4"}))
def test_a_call_that_is_cut_short_stays_text(parser: str) -> None:
    text = next(answer.text for answer in ANSWERS if answer.parser == parser)
    begun = text[: text.index("Oslo") + 2] if "Oslo" in text else text[: text.index("12") + 1]

    assert "".join(str(piece) for piece in read(parser, begun, 5)) == begun
