"""The formats of tool calls that the server reads, by vLLM's names for its parsers."""

from __future__ import annotations

from typing import Literal, get_args

ToolParser = Literal[
    "deepseek_v3",
    "deepseek_v32",
    "deepseek_v4",
    "functiongemma",
    "gemma4",
    "glm47",
    "granite4",
    "hermes",
    "kimi_k2",
    "llama3_json",
    "minimax_m2",
    "mistral",
    "openai",
    "qwen3_coder",
]
TOOL_PARSERS: tuple[str, ...] = get_args(ToolParser)
CHANNELS = "openai"
"""The format of gpt-oss: a call is a message with a channel, which the engine tells apart (``engine/channels.py``)."""
