"""Run by the engine's own Python: read answers of gpt-oss from standard input, write what vLLM's parser finds."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import (  # type: ignore[import-not-found,unused-ignore]
    ChatCompletionRequest,
)
from vllm.entrypoints.openai.parser.harmony_utils import (  # type: ignore[import-not-found,unused-ignore]
    get_encoding,
)
from vllm.parser.parser_manager import ParserManager  # type: ignore[import-not-found,unused-ignore]

REQUEST = ChatCompletionRequest(model="m", messages=[{"role": "user", "content": "x"}])
PARSER = ParserManager.get_parser("openai", "openai_gptoss", enable_auto_tools=True, is_harmony=True)


class _Words:
    """The tokenizer, as far as the parser asks for it."""

    def decode(self, tokens: list[int]) -> str:
        return str(get_encoding().decode(tokens))

    def get_vocab(self) -> dict[str, int]:
        return {}


def whole(tokens: list[int], text: str) -> list[Any]:
    """Return reasoning, content, and the calls with their arguments."""
    reasoning, content, calls = PARSER(_Words()).parse(text, REQUEST, True, tokens)
    return [reasoning or "", content or "", [[call.name, call.arguments] for call in calls or ()]]


def streamed(tokens: list[int]) -> list[Any]:
    """Return the same, put together from what comes token by token."""
    parser, said, calls = PARSER(_Words()), {"reasoning": "", "content": ""}, list[list[str]]()
    for place, token in enumerate(tokens, 1):
        delta = parser.parse_delta("", [token], REQUEST, finished=place == len(tokens))
        if delta is None:
            continue
        for name in said:
            said[name] += getattr(delta, name) or ""
        for call in delta.tool_calls or ():
            if call.function.name:
                calls.append([call.function.name, ""])
            calls[call.index][1] += call.function.arguments or ""
    return [said["reasoning"], said["content"], calls]


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    results = []
    for each in json.load(sys.stdin):
        ids = get_encoding().encode(each, allowed_special="all")
        results.append([whole(ids, each), streamed(ids)])
    print(json.dumps(results))
