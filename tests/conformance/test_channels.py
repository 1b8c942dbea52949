"""Answers of gpt-oss: the server of ``hf`` tells their parts apart as vLLM's own parser does."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support.channel_model import merged
from tests.support.engine import told_by_engine

from llmwright_runtime_hf.serve.engine.channels import MARKS, Channels

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm")]
PROGRAM = Path(__file__).parents[1] / "support" / "engine_channels.py"
NEXT = "<|end|><|start|>assistant"
THINK, FINAL = "<|channel|>analysis<|message|>Think of rain.", "<|channel|>final<|message|>It rains."
CALL = '<|channel|>commentary to=functions.weather <|constrain|>json<|message|>{"place": "Oslo"}'
ANSWERS = (
    f"{FINAL}<|return|>",
    f"{THINK}{NEXT}{FINAL}<|return|>",
    f"{THINK}{NEXT}{CALL}<|call|>",
    f"<|channel|>commentary<|message|>Let me look.{NEXT}{CALL}<|call|>",
    f"<|channel|>commentary<|message|>Let me look.{NEXT}{FINAL}<|return|>",
    f"{THINK}{NEXT}{THINK}{NEXT}{FINAL}<|return|>",
    f"{CALL.replace('<|constrain|>', '')}<|call|>",
    f"{CALL.replace('functions.', '')}<|call|>",
    f"{CALL.replace('commentary', 'analysis')}<|call|>",
    ' to=functions.weather<|channel|>commentary json<|message|>{"place": "Oslo"}<|call|>',
    f"{THINK.replace('analysis', 'analysis to=python code')}<|call|>",
    f"{THINK.replace('analysis', 'commentary to=python code')}<|call|>",
    f"{FINAL.replace('final', 'secret')}<|end|>",
    THINK,
    f"{THINK}{NEXT}{FINAL}",
    CALL,
)


def read(text: str) -> list[Any]:
    """Return reasoning, content and calls, as this server has them."""
    channels = Channels()
    channels.mark("<|start|>")
    channels.text("assistant")
    channels.begin_answer()
    pieces = list[Any]()
    for piece in filter(None, re.split("(" + "|".join(map(re.escape, MARKS)) + ")", text)):
        pieces += channels.mark(piece) if piece in MARKS else channels.text(piece)
    said = merged([*pieces, *channels.finish(cut=True)])
    texts = dict(said)
    calls = [[name, text] for name, text in said if name not in ("reasoning", "content")]
    return [texts.get("reasoning", ""), texts.get("content", ""), calls]


def test_vllm_tells_the_same_parts_apart() -> None:
    """One process for all answers: its start takes half a minute."""
    theirs = told_by_engine(PROGRAM, ANSWERS)

    assert [*zip(ANSWERS, (whole for whole, _ in theirs), strict=True)] == [(text, read(text)) for text in ANSWERS]
    # Its stream puts nothing between two messages of one kind, and its whole answer a line break: here both have that.
    joined = [
        [reasoning.replace("\n", ""), content.replace("\n", ""), calls]
        for reasoning, content, calls in map(read, ANSWERS)
    ]
    assert [streamed for _, streamed in theirs] == joined
