"""Reasoning between marks is told apart, in pieces of any length, whether the marks are tokens or text."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.channel_model import merged

from llmwright_runtime_hf.reasoning_parsers import CHANNELS, REASONING_PARSERS
from llmwright_runtime_hf.serve.engine.answer_parts import Piece
from llmwright_runtime_hf.serve.engine.thinking import FORMATS, ThinkFormat, Thinking, ThinkTokens

THOUGHT, CONTENT = ("reasoning", "Think."), ("content", "It rains.")
TURN = 900
"""A token between turns."""


def parted(form: ThinkFormat, text: str) -> list[str]:
    """Return marks and texts, as tokens have them."""
    return [piece for piece in re.split("(" + "|".join(map(re.escape, form.marks)) + ")", text) if piece]


def tokens_of(parser: str, *, spelled: bool = False) -> ThinkTokens:
    """Return the marks as tokens from 1000 on; all other characters are tokens of their own."""
    form = FORMATS[parser]
    return ThinkTokens.of(
        form, lambda mark: None if spelled else 1000 + form.marks.index(mark), frozenset([TURN, 1000])
    )


def encode(marks: ThinkTokens, text: str) -> list[int]:
    ids = {mark: token for token, mark in marks.marks.items()}
    return [
        token for piece in parted(marks.form, text) for token in ([ids[piece]] if piece in ids else map(ord, piece))
    ]


def decode(tokens: Sequence[int]) -> str:
    return "".join(chr(token) for token in tokens if token < TURN)


def read(state: Thinking, pieces: Iterable[str], marks: Sequence[str] = ()) -> list[tuple[str, str]]:
    said = [made for piece in pieces for made in (state.mark(piece) if piece in marks else state.text(piece))]
    return merged([*said, *state.finish(cut=True)])


def answered(parser: str, text: str, prompt: str = "") -> list[tuple[str, str]]:
    """Return the parts of an answer, which are the same whether its marks are tokens or spelled, letter by letter."""
    form, tokens, spelled = FORMATS[parser], tokens_of(parser), tokens_of(parser, spelled=True)
    said = read(tokens.after(encode(tokens, prompt), decode), parted(form, text), form.marks)
    if not form.phrases:
        assert read(spelled.after(encode(spelled, prompt), decode), text) == said
    return said if not form.phrases else read(spelled.after(encode(spelled, prompt), decode), text)


def test_the_names_are_those_of_the_options() -> None:
    assert {*FORMATS, CHANNELS} == {*REASONING_PARSERS}


@pytest.mark.parametrize(
    ("parser", "text", "said"),
    [
        ("qwen3", "<think>Think.</think>It rains.", [THOUGHT, CONTENT]),
        ("qwen3", "Think.</think>It rains.", [THOUGHT, CONTENT]),
        ("qwen3", "Think.", [THOUGHT]),
        ("qwen3", "<think>\nThink.\n</think>\n\nIt", [("reasoning", "\nThink.\n"), ("content", "\n\nIt")]),
        ("qwen3", "Think.</think>It</think> rains.", [THOUGHT, CONTENT]),
        ("qwen3", "Think.</think>a <think> b", [THOUGHT, ("content", "a <think> b")]),
        ("qwen3", "Think.<tool_call>x", [THOUGHT, ("content", "<tool_call>x")]),
        ("qwen3", "</think>It rains.", [CONTENT]),
        ("qwen3", "", []),
        ("deepseek_r1", "Think.<tool_call></think>It rains.", [("reasoning", "Think.<tool_call>"), CONTENT]),
        ("nemotron_v3", "Think.\n \n</think>\n\nIt", [THOUGHT, ("content", "\n\nIt")]),
        ("nemotron_v3", "Think.\n", [THOUGHT]),
        ("nemotron_v3", "a \n b </think>", [("reasoning", "a \n b")]),
        ("glm45", "A.</think>B.<think>C.</think>D.", [("reasoning", "A.C."), ("content", "B.D.")]),
        ("kimi_k2", "Think.<|tool_calls_section_begin|>x", [THOUGHT, ("content", "<|tool_calls_section_begin|>x")]),
        ("mistral", "[THINK]Think.\n[/THINK]It rains.", [THOUGHT, CONTENT]),
        ("mistral", "It rains.", [CONTENT]),
        ("mistral", "It [TOOL_CALLS]x", [("content", "It [TOOL_CALLS]x")]),
        ("gemma4", "<|channel>thought\nThink.\n<channel|>It rains.", [THOUGHT, CONTENT]),
        ("gemma4", "<|channel>Think.<channel|>It rains.", [THOUGHT, CONTENT]),
        ("gemma4", "<|channel>though", []),
        ("gemma4", "<|channel>thought\n<channel|>It rains.", [CONTENT]),
        ("granite", "Here is my thought process:Think.Here's my response:It rains.", [THOUGHT, CONTENT]),
        ("granite", "Here is it. Here is my response: x", [("content", "Here is it. Here is my response: x")]),
        ("granite", "Here is my thought process:Think. Here is", [("reasoning", "Think. Here is")]),
        ("granite", "Hm. Here is my thought process: x", [("content", "Hm. Here is my thought process: x")]),
        ("minimax_m2_append_think", "Think.</think>It rains.", [("reasoning", "<think>Think.</think>"), CONTENT]),
        ("minimax_m2_append_think", "Thi", [("reasoning", "<think>Thi")]),
        ("minimax_m2_append_think", "", [("reasoning", "<think>")]),
    ],
)
def test_an_answer_has_the_parts_of_its_format(parser: str, text: str, said: list[tuple[str, str]]) -> None:
    assert answered(parser, text) == said


@pytest.mark.parametrize(
    ("parser", "prompt", "text", "said"),
    [
        ("qwen3", "hi<think>\n", "Think.</think>It rains.", [THOUGHT, CONTENT]),
        ("qwen3", "hi<think>\n\n</think>\n\n", "It rains.", [CONTENT]),
        ("mistral", "hi[THINK]", "Think.[/THINK]It rains.", [THOUGHT, CONTENT]),
        ("gemma4", "hi<|channel>thought\n<channel|>", "It rains.", [CONTENT]),
        ("deepseek_r1", "<think></think>", "a<think>b", [("content", "a<think>b")]),
        ("glm45", "hi<think></think>", "It<think>Think.</think> rains.", [THOUGHT, CONTENT]),
    ],
)
def test_the_prompt_says_where_the_answer_begins(
    parser: str, prompt: str, text: str, said: list[tuple[str, str]]
) -> None:
    assert sorted(answered(parser, text, prompt), reverse=True) == said


def test_marks_of_earlier_turns_say_nothing() -> None:
    """An answer of before, or a user who writes a mark."""
    tokens = tokens_of("qwen3")
    before = [*encode(tokens, "What is </think>?"), TURN, *encode(tokens, "assistant\n")]

    assert tokens.after(before, decode).in_reasoning
    assert tokens.after([*before, *encode(tokens, "<think></think>")], decode).in_content
    called = encode(tokens, "</think><tool_call>")
    assert tokens.after(called, decode).in_reasoning, "what stands after a call is another turn"


@pytest.mark.parametrize(
    ("parser", "variables", "on"),
    [
        ("qwen3", {}, True),
        ("qwen3", {"enable_thinking": False}, False),
        ("qwen3", {"thinking": False}, True),
        ("qwen3", {"reasoning_effort": "none"}, False),
        ("qwen3", {"enable_thinking": None}, True),
        ("deepseek_r1", {"enable_thinking": False, "reasoning_effort": "none"}, True),
        ("deepseek_v3", {}, False),
        ("deepseek_v3", {"thinking": True}, True),
        ("deepseek_v4", {}, True),
        ("deepseek_v4", {"thinking": False}, False),
        ("glm45", {"thinking": False, "enable_thinking": True}, True),
    ],
)
def test_a_variable_of_the_template_switches_reasoning(parser: str, variables: dict[str, object], on: bool) -> None:
    marks = tokens_of(parser).under(variables)
    off = read(marks.after([], decode), ["<think>", "a", "</think>", "b"])

    assert bool(marks.marks) is on
    assert on or off == [("content", "<think>a</think>b")]


def test_reasoning_is_free_and_the_content_has_the_shape() -> None:
    thinking, off = tokens_of("qwen3").after([], decode), tokens_of("qwen3").under({"enable_thinking": False})
    assert (thinking.follows.tokens, thinking.follows.marks) == ("any", {"<tool_call>": None})
    thinking.mark("</think>")
    assert (thinking.follows.tokens, thinking.follows.marks) == ("shape", {"<think>": False, "</think>": False})
    assert (off.after([], decode).follows.tokens, off.after([], decode).follows.marks) == ("shape", {})

    free = tokens_of("mistral").after([], decode)
    assert free.follows.marks["[THINK]"] is True
    assert free.in_content
    free.text("It")
    assert free.follows.marks["[THINK]"] is False


TEXTS = st.text(st.sampled_from("<think>/ \nä"), max_size=9)


@given(st.data(), st.sampled_from(sorted(FORMATS)), st.booleans())
def test_pieces_of_any_length_say_the_same(data: st.DataObject, parser: str, spelled: bool) -> None:
    form, tokens = FORMATS[parser], tokens_of(parser, spelled=spelled)
    written = data.draw(st.lists(st.sampled_from(form.marks) | TEXTS, max_size=8))
    marks = () if spelled else form.marks
    whole = ["".join(written)] if spelled else [piece for piece in written if piece]
    letters = [part for piece in whole for part in ([piece] if piece in marks else piece)]

    said = read(tokens.after([], decode), whole, marks)
    assert read(tokens.after([], decode), letters, marks) == said
    assert read(tokens.after([], decode), filter(None, written), marks) == said


@given(st.data(), st.sampled_from(sorted(FORMATS)))
def test_what_has_been_said_stays_said(data: st.DataObject, parser: str) -> None:
    """A stream takes nothing back: what is shown of a beginning is the beginning of what is shown of the whole."""
    form, tokens = FORMATS[parser], tokens_of(parser)
    written = data.draw(st.lists(st.sampled_from(form.marks) | TEXTS.filter(bool), max_size=8))
    state, shown = tokens.after([], decode), list[Piece]()
    whole = dict(read(tokens.after([], decode), written, form.marks))
    for piece in written:
        shown += state.mark(piece) if piece in form.marks else state.text(piece)
        assert all(whole[name].startswith(text) for name, text in merged(shown))
