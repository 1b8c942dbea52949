"""Run by the engine's own Python: read answers from standard input, write what vLLM finds of reasoning in them."""

from __future__ import annotations

import json
import logging
import sys
from typing import Any

from vllm.entrypoints.openai.chat_completion.protocol import (  # type: ignore[import-not-found,unused-ignore]
    ChatCompletionRequest,
)
from vllm.parser.parser_manager import ParserManager  # type: ignore[import-not-found,unused-ignore]


class _Words:
    """The tokenizer, as far as the parsers ask for it: each piece of the answers is a token."""

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces

    def decode(self, tokens: list[int]) -> str:
        return "".join(self._pieces[token] for token in tokens)

    def get_vocab(self) -> dict[str, int]:
        return {piece: index for index, piece in enumerate(self._pieces)}


def found(answer: dict[str, Any], words: _Words) -> list[Any]:
    """Return reasoning and content, of the whole answer and of its stream."""
    variables = answer["variables"]
    messages = [{"role": "user", "content": "x"}]
    request = ChatCompletionRequest(model="m", messages=messages, chat_template_kwargs=variables)
    kind = ParserManager.get_parser(reasoning_parser_name=answer["parser"])
    tokens, prompt = answer["tokens"], answer["prompt"]
    reasoning, content, _ = kind(words, chat_template_kwargs=variables).parse(words.decode(tokens), request)
    whole = [reasoning or "", content or ""]

    parser, said = kind(words, chat_template_kwargs=variables), ["", ""]
    for place, token in enumerate(tokens, 1):
        delta = parser.parse_delta(words.decode([token]), [token], request, prompt, finished=place == len(tokens))
        said[0] += (delta.reasoning if delta else None) or ""
        said[1] += (delta.content if delta else None) or ""
    return [whole, said]


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    asked = json.load(sys.stdin)
    known = _Words(asked["pieces"])
    results = []
    for each in asked["answers"]:
        try:
            results.append(found(each, known))
        except Exception as error:
            results.append([f"{type(error).__name__}: {error}"])
    print(json.dumps(results))
