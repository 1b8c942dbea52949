"""The grammar of an answer that has to be a call of a tool."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from llmwright_runtime_hf.serve.engine.guides import GuideSource
from llmwright_runtime_hf.serve.http.tool_calls import FORMATS
from llmwright_runtime_hf.serve.http.tool_requests import Tool

MOST_CALLS = 8
"""Calls in one answer that is bound to be calls: a small model would not come to an end by itself."""
_SHARED = ("$defs", "definitions")


def grammar_of(tools: Sequence[Tool], parser: str, *, several: bool, special: int | None) -> GuideSource:
    """Return the grammar: one call of ``tools``, or up to MOST_CALLS with ``several``.

    ``special`` is the id of the special token that begins a call, where one does.
    """
    form = FORMATS[parser]
    begin, end = json.dumps(form.begin) if special is None else f"<[{special}]>", json.dumps(form.end)
    more = f" ({json.dumps(form.glue)} call){{0,{MOST_CALLS - 1}}}" if several else ""
    start, call = f"call{more}", "(" + " | ".join(f"tool_{index}" for index in range(len(tools))) + ")"
    if parser == "mistral":
        start = f'{begin} "[" {start} "]"'
    elif form.end:
        call = f'{begin} "\\n" {call} "\\n" {end}'
    lines = [f"start: {start}", f"call: {call}"]
    lines += [f"tool_{index}: %json {_schema(tool, form.arguments)}" for index, tool in enumerate(tools)]
    return GuideSource("lark", "\n".join(lines))


def _schema(tool: Tool, arguments: str) -> str:
    parameters: dict[str, Any] = dict(tool.function.parameters or {"type": "object", "additionalProperties": False})
    # References lead from the root, so that what they lead to has to lie there.
    shared = {name: parameters.pop(name) for name in _SHARED if name in parameters}
    properties = {"name": {"const": tool.function.name}, arguments: parameters}
    schema = {"type": "object", "properties": properties, "required": [*properties], "additionalProperties": False}
    return json.dumps({**schema, **shared, "x-guidance": {"whitespace_pattern": "[ \\n]{1,16}"}})
