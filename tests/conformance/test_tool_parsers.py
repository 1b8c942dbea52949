"""Calls of tools in answers: the server of ``hf`` finds what vLLM's own parsers find."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.engine import told_by_engine
from tests.support.tool_call_texts import ANSWERS, TOOLS

from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm")]
PROGRAM = Path(__file__).parents[1] / "support" / "engine_tool_parsers.py"


def test_vllm_finds_the_same_calls() -> None:
    """One process for all answers: its start takes half a minute."""
    answers = [{"parser": each.parser, "text": each.text, "marks": FORMATS[each.parser].marks} for each in ANSWERS]
    read = told_by_engine(PROGRAM, {"answers": answers, "tools": TOOLS})

    wanted = [{"calls": [[*call] for call in each.calls], "content": each.content} for each in ANSWERS]
    given = [each | {"content": each.get("content", "").strip()} for each in read]
    assert [*zip([a["parser"] for a in answers], given, strict=True)] == [
        *zip([a["parser"] for a in answers], wanted, strict=True)
    ]
