"""The formats of reasoning that the server tells apart from the answer, by vLLM's names for its parsers."""

from __future__ import annotations

from typing import Literal, get_args

ReasoningParser = Literal[
    "deepseek_r1",
    "deepseek_v3",
    "deepseek_v4",
    "gemma4",
    "glm45",
    "granite",
    "kimi_k2",
    "minimax_m2",
    "minimax_m2_append_think",
    "mistral",
    "nemotron_v3",
    "openai_gptoss",
    "qwen3",
]
REASONING_PARSERS: tuple[str, ...] = get_args(ReasoningParser)
CHANNELS = "openai_gptoss"
"""The format of gpt-oss: reasoning is a message with a channel (``serve/engine/channels.py``)."""
NONE = "none"
"""The word for no format: all text is the answer."""
