"""Reasoning between marks: the server of ``hf`` tells it apart as vLLM's own parsers do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from tests.support.channel_model import merged
from tests.support.engine import told_by_engine

from llmwright_runtime_hf.serve.engine.thinking import FORMATS, ThinkTokens

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm")]
PROGRAM = Path(__file__).parents[1] / "support" / "engine_thinking.py"
TURN = "<|im_start|>"
MARKS = sorted({TURN, *(mark for form in FORMATS.values() for mark in form.marks if not form.phrases)}, key=len)
PIECES = re.compile("|".join([*map(re.escape, reversed(MARKS)), r" ?\w+", r"\s", "."]), re.DOTALL)
RAIN = "<think>\nThink of rain.\n</think>\n\nIt rains."
OPEN, CLOSED = f"{TURN}assistant\n<think>\n", f"{TURN}assistant\n<think>\n\n</think>\n\n"
BOTH, STREAMED, WHOLE = (True, True), (False, True), (True, False)
ON: dict[str, dict[str, Any]] = {"deepseek_v3": {"thinking": True}, "gemma4": {"enable_thinking": True}}
"""Variables with which the model thinks, where it does not without."""


@dataclass(frozen=True)
class Case:
    """An answer. ``ways``: whether vLLM's way for whole answers, and that for streams, say the same as ours."""

    parser: str
    answer: str
    prompt: str = f"{TURN}assistant\n"
    ways: tuple[bool, bool] = BOTH
    variables: dict[str, Any] = field(default_factory=dict)


def tagged(parser: str) -> Iterator[Case]:
    """Yield the answers of a family with ``<think>``."""
    form, on = FORMATS[parser], ON.get(parser, {})
    for answer in (
        *(RAIN, "Think of rain.</think>It rains.", "<think>Think of ra", "It rains.", "<think></think>It rains."),
        *("<think>Think.</think>", "<think>Think.\n \n</think>\n\nIt rains.\n", "<think>a < b, a <tho</think>a < b"),
    ):
        yield Case(parser, answer, variables=on)
        yield Case(parser, answer.removeprefix("<think>"), OPEN, variables=on)
    yield Case(parser, "It rains.", CLOSED, STREAMED, on)
    if parser.startswith("deepseek_r") or parser == "deepseek_v3":
        return
    yield Case(parser, "<think>Think.</think>It</think> rains.", ways=WHOLE, variables=on)
    if form.calls:
        yield Case(parser, f"<think>Think.{form.calls}x", variables=on)
    if form.reopens:
        yield Case(parser, "<think>A.</think>B.<think>C.</think>D.", ways=WHOLE, variables=on)


CASES = (
    *(
        case
        for parser in ("deepseek_r1", "deepseek_v3", "deepseek_v4", "glm45", "kimi_k2", "minimax_m2")
        for case in tagged(parser)
    ),
    *(case for parser in ("nemotron_v3", "qwen3") for case in tagged(parser)),
    *(
        Case(parser, answer, variables={name: False})
        for parser, name in (("qwen3", "enable_thinking"), ("glm45", "thinking"), ("kimi_k2", "thinking"))
        for answer in ("It rains.", RAIN)
    ),
    *(Case(parser, "It rains.", CLOSED, variables={"enable_thinking": False}) for parser in ("nemotron_v3", "qwen3")),
    Case("deepseek_v4", "It rains.", variables={"thinking": False}),
    *(Case("deepseek_v3", answer) for answer in ("It rains.", RAIN)),
    *(
        Case("gemma4", answer, variables=ON["gemma4"])
        for answer in (
            "<|channel>thought\nThink of rain.\n<channel|>It rains.",
            *("It rains.", "<|channel>thought\nThink of ra", "<|channel>thought\n<channel|>It rains."),
            *("<|channel>Think of rain.<channel|>It rains.", "<|channel>thought\nThink.<|tool_call>x"),
        )
    ),
    Case("gemma4", "It rains.", f"{TURN}<|channel>thought\n<channel|>", STREAMED, ON["gemma4"]),
    Case("gemma4", "Think.<channel|>It rains.", f"{TURN}<|channel>thought\n", variables=ON["gemma4"]),
    *(
        Case("mistral", answer)
        for answer in (
            *(
                "[THINK]Think of rain.\n[/THINK]It rains.",
                "It rains.",
                "[THINK]Think of ra",
                "[THINK][/THINK]It rains.",
            ),
            *("[THINK]Think.[TOOL_CALLS]x", "So: [THINK]Think.[/THINK]It rains."),
        )
    ),
    *(
        Case("granite", answer)
        for answer in (
            "Here is my thought process: Think of rain. Here is my response: It rains.",
            "Here's my thought process:\nThink of rain.\nHere's my response:\nIt rains.",
            *("It rains.", "Here is rain.", "So: Here is my response: It rains."),
        )
    ),
    Case("granite", "Here is my thought process: Think of ra", ways=STREAMED),
    *(Case("minimax_m2_append_think", answer, OPEN) for answer in ("Think.\n</think>\n\nIt rains.", "Think of")),
)


def pieces_of(text: str) -> list[str]:
    return PIECES.findall(text)


KNOWN = [*dict.fromkeys([*MARKS, *(piece for case in CASES for piece in pieces_of(case.prompt + case.answer))])]


def ids_of(text: str) -> list[int]:
    return [KNOWN.index(piece) for piece in pieces_of(text)]


def decode(tokens: list[int]) -> str:
    return "".join(KNOWN[token] for token in tokens)


def read(case: Case) -> list[str]:
    """Return reasoning and content, as this server has them."""
    form = FORMATS[case.parser]

    def find(mark: str) -> int | None:
        return KNOWN.index(mark) if mark in KNOWN else None

    marks = ThinkTokens.of(form, find, frozenset([KNOWN.index(TURN)])).under(case.variables)
    parts, pieces = marks.after(ids_of(case.prompt), decode), list[Any]()
    for token in ids_of(case.answer):
        mark = marks.marks.get(token)
        pieces += parts.text(KNOWN[token]) if mark is None else parts.mark(mark)
    texts = dict(merged([*pieces, *parts.finish(cut=True)]))
    said = [texts.get("reasoning", ""), texts.get("content", "")]
    return ["", "".join(said)] if marks.keeps_reasoning else said


def test_vllm_tells_the_same_reasoning_apart() -> None:
    """One process for all answers: its start takes half a minute."""
    answers = [
        {
            "parser": case.parser,
            "tokens": ids_of(case.answer),
            "prompt": ids_of(case.prompt),
            "variables": case.variables,
        }
        for case in CASES
    ]
    theirs = told_by_engine(PROGRAM, {"answers": answers, "pieces": KNOWN})

    assert [case for case, each in zip(CASES, theirs, strict=True) if len(each) != 2] == []
    for way in (0, 1):
        given = [(case, each[way]) for case, each in zip(CASES, theirs, strict=True) if case.ways[way]]
        assert given == [(case, read(case)) for case in CASES if case.ways[way]]


def test_every_format_is_among_the_answers() -> None:
    assert {case.parser for case in CASES} == FORMATS.keys()
