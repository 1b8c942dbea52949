"""Log-probabilities in the two shapes of OpenAI's API."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmwright_runtime_hf.serve.engine.interface import ScoredToken, TokenScore

Json = dict[str, Any]
LEAST_LOGPROB = -9999.0
"""JSON has no infinity; OpenAI's and vLLM's servers write this number for it."""


def chat_logprobs(tokens: Sequence[ScoredToken]) -> Json:
    """Return the form of ``/v1/chat/completions``. ``bytes`` are those of the text, also of a part of a character."""
    content = [{**_entry(token.chosen), "top_logprobs": [_entry(score) for score in token.top]} for token in tokens]
    return {"content": content, "refusal": None}


def completion_logprobs(tokens: Sequence[ScoredToken]) -> Json:
    """Return the form of ``/v1/completions``. The chosen token stands in ``top_logprobs`` too, as OpenAI's does."""
    return {
        "text_offset": [token.offset for token in tokens],
        "token_logprobs": [_logprob(token.chosen) for token in tokens],
        "tokens": [_name(token.chosen) for token in tokens],
        "top_logprobs": [
            {_name(score): _logprob(score) for score in reversed((*token.top, token.chosen))} for token in tokens
        ],
    }


def _entry(score: TokenScore) -> Json:
    return {"token": score.text, "logprob": _logprob(score), "bytes": list(score.data)}


def _name(score: TokenScore) -> str:
    """Return the token's text; of a part of a character its bytes, as OpenAI writes them."""
    if "\ufffd" not in score.text:
        return score.text
    return "bytes:" + "".join(f"\\x{byte:02x}" for byte in score.data)


def _logprob(score: TokenScore) -> float:
    return max(score.logprob, LEAST_LOGPROB)
