"""The formats of tool calls that the server reads, by vLLM's names for its parsers."""

from __future__ import annotations

from typing import Literal, get_args

ToolParser = Literal["hermes", "llama3_json", "mistral"]
TOOL_PARSERS: tuple[str, ...] = get_args(ToolParser)
