"""Run by the engine's own Python: read answers from standard input, write what vLLM's tool parsers find in them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from tokenizers import Tokenizer, models  # type: ignore[import-not-found,unused-ignore]
from transformers import PreTrainedTokenizerFast  # type: ignore[import-not-found,unused-ignore]
from vllm.entrypoints.openai.chat_completion.protocol import (  # type: ignore[import-not-found,unused-ignore]
    ChatCompletionRequest,
)
from vllm.tool_parsers import ToolParserManager  # type: ignore[import-not-found,unused-ignore]


def found(answer: dict[str, Any], tools: list[Any]) -> Any:
    """Return names and arguments, and the text beside them."""
    vocabulary = {mark: index for index, mark in enumerate(["<unk>", "<think>", "</think>", *answer["marks"]])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    messages = [{"role": "user", "content": "x"}]
    request = ChatCompletionRequest(model="m", messages=messages, tools=tools, tool_choice="auto")
    parser = ToolParserManager.get_tool_parser(answer["parser"])(tokenizer, request.tools)
    read = parser.extract_tool_calls(answer["text"], request)
    calls = [[call.function.name, json.loads(call.function.arguments)] for call in read.tool_calls]
    return {"calls": calls, "content": read.content or ""}


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asked = json.load(sys.stdin)
    results = []
    for each in asked["answers"]:
        try:
            results.append(found(each, asked["tools"]))
        except Exception as error:
            results.append({"error": f"{type(error).__name__}: {error}"})
    print(json.dumps(results))
