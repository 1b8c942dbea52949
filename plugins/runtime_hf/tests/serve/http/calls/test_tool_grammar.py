"""What a grammar lets through is a call that the reader finds, with arguments of the tool's schema."""

from __future__ import annotations

import json
import random
from functools import cache

import jsonschema
import pytest
from tests.support.tiny_models import byte_level_tokenizer
from tests.support.tool_call_texts import PARAMETERS
from transformers import PreTrainedTokenizerFast

from llmwright_runtime_hf.serve.engine.guides import GuideCompiler
from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS
from llmwright_runtime_hf.serve.http.calls.call_reader import CallReader
from llmwright_runtime_hf.serve.http.calls.tool_call import ToolCall
from llmwright_runtime_hf.serve.http.calls.tool_grammar import MOST_CALLS, grammar_of
from llmwright_runtime_hf.serve.http.tool_requests import Tool

pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")

SCHEMAS = {
    # Bounds, for a grammar takes 1e999 for a number, which is none of JSON's readers.
    "weather": PARAMETERS
    | {"properties": PARAMETERS["properties"] | {"above": {"type": "number", "minimum": -9, "maximum": 9}}}
    | {"required": ["place", "days"]},
    "rain": {
        "type": "object",
        "properties": {"days": {"$ref": "#/$defs/days"}, "place": {"enum": ["Paris", "Oslo"]}},
        "required": ["days", "place"],
        "additionalProperties": False,
        "$defs": {"days": {"type": "integer", "minimum": 1, "maximum": 9}},
    },
    "now": None,
}
TOOLS = [
    Tool.model_validate({"type": "function", "function": {"name": n, "parameters": s}}) for n, s in SCHEMAS.items()
]
MARKS = sorted({mark for form in FORMATS.values() for mark in form.marks})
MOST_TOKENS = 4000


@cache
def tokenizer(special: bool) -> PreTrainedTokenizerFast:
    backend = byte_level_tokenizer(special=["<|end|>", *(MARKS if special else [])], vocabulary=300 + len(MARKS))
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|end|>")


@cache
def compiler(special: bool) -> GuideCompiler:
    return GuideCompiler(tokenizer(special), 0)


def walked(parser: str, *, special: bool, several: bool, seed: int) -> str:
    """Return a random answer of the grammar, with the marks as special tokens or as text."""
    words = tokenizer(special)
    known = {mark: words.get_vocab()[mark] for mark in MARKS} if special else {}
    source = grammar_of(TOOLS, parser, several=several, special=lambda text: known.get(text))
    state, tokens, chosen = compiler(special).compile(source).begin(), list[int](), random.Random(seed)
    calls = FORMATS[parser].calls
    closings = [
        words.encode(text) for text in ('"', getattr(calls, "written_value_end", ""), getattr(calls, "mark", ""))
    ]
    while not state.complete and len(tokens) < MOST_TOKENS:
        allowed = {token for token, may in enumerate(state.allowed()) if may}
        assert allowed, words.decode(tokens)
        if state.may_end and words.eos_token_id in allowed and chosen.random() < 0.5:
            break
        # Free text would go on without end: here it closes sooner or later.
        closing = chosen.choice([ids for ids in closings if ids and ids[0] in allowed] or [[]])
        for token in closing if chosen.random() < 0.5 else [chosen.choice(sorted(allowed - {words.eos_token_id}))]:
            if not state.allowed()[token]:
                break
            tokens.append(token)
            state.follow(tokens)
    assert len(tokens) < MOST_TOKENS, words.decode(tokens[:400])
    return str(words.decode(tokens, skip_special_tokens=False))


@pytest.mark.parametrize("several", [False, True], ids=["one", "several"])
@pytest.mark.parametrize("special", [False, True], ids=["text", "special"])
@pytest.mark.parametrize("parser", FORMATS)
def test_what_it_lets_through_is_read(parser: str, special: bool, several: bool) -> None:
    for seed in range(4):
        text = walked(parser, special=special, several=several, seed=seed)
        reader = CallReader(parser, SCHEMAS)
        pieces = [*reader.push(text), *reader.finish()]

        calls = [piece for piece in pieces if isinstance(piece, ToolCall)]
        assert "".join(piece for piece in pieces if isinstance(piece, str)).strip() == "", text
        assert 1 <= len(calls) <= (MOST_CALLS if several else 1), text
        for call in calls:
            jsonschema.validate(json.loads(call.arguments), SCHEMAS[call.name] or {"maxProperties": 0})


def test_a_special_token_begins_a_grammar_by_its_id() -> None:
    source = grammar_of(TOOLS, "mistral", several=False, special=lambda text: 7 if text == "[TOOL_CALLS]" else None)

    assert source.text.startswith('start: <[7]> "[" call "]"')
