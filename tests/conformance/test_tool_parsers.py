"""Calls of tools in answers: the server of ``hf`` finds what vLLM's own parsers find."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.support.engine import engine_environment
from tests.support.tool_call_texts import ANSWERS, TOOLS

from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm")]
PROGRAM = Path(__file__).parents[1] / "support" / "engine_tool_parsers.py"


def test_vllm_finds_the_same_calls() -> None:
    """One process for all answers: its start takes half a minute."""
    answers = [{"parser": each.parser, "text": each.text, "marks": FORMATS[each.parser].marks} for each in ANSWERS]
    ran = subprocess.run(
        [engine_environment() / "bin" / "python", PROGRAM],
        input=json.dumps({"answers": answers, "tools": TOOLS}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    read: list[Any] = json.loads(ran.stdout.splitlines()[-1])

    wanted = [{"calls": [[*call] for call in each.calls], "content": each.content} for each in ANSWERS]
    given = [each | {"content": each.get("content", "").strip()} for each in read]
    assert [*zip([a["parser"] for a in answers], given, strict=True)] == [
        *zip([a["parser"] for a in answers], wanted, strict=True)
    ]
