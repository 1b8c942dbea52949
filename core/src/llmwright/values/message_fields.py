"""Which fields of a message must reach the model: all but those that say what a message is, not what is in it.

Training and serving both stand on it, so that they agree. Public data sets and clients carry ids, names, times, scores
and origins in their messages. No template reads them, and nothing is lost. Any other field that says something changes
the prompt or the answer, as ``channel`` and ``recipient`` do in OpenAI's Harmony format and ``prefix`` in the APIs of
Mistral and DeepSeek.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from llmwright.values.messages import Message

REASONING = ("reasoning_content", "reasoning", "thinking")
"""Fields of an answer beside its content, for templates that know them (vLLM, transformers)."""
FINAL_CHANNEL = "<|channel|>final"
"""Harmony's mark of an answer that the user sees. A template that writes it needs no ``channel: final``."""

_OWN = frozenset({"role", "content"})
_ENDS = re.compile(
    r"(?:.*_)?(?:id|uuid|guid|hash|ip|identifier|index|idx|number|count|length|tokens|name|username|time|timestamp|date|at"
    r"|source|origin|url|model|version|lang|language|score|scores|rating|ratings|meta|metadata)"
)
"""Names that describe a message, alone and at the end of a longer name such as ``created_at`` and ``model_name``."""
_WORDS = frozenset(
    {
        *("author", "user", "sender", "speaker", "from", "turn", "round", "step", "position", "order", "parent"),
        *("children", "created", "updated", "modified", "edited", "deleted", "duration", "latency"),
        *("dataset", "link", "provider", "engine", "generator", "generated", "synthetic", "license", "platform"),
        *("client", "device", "locale", "country", "region", "state", "header", "headers", "category", "topic"),
        *("domain", "subset", "task", "rank", "quality", "difficulty", "toxic", "toxicity", "detoxify", "redacted"),
        *("moderation", "openai_moderation", "flagged", "sentiment", "emojis", "feedback", "votes", "likes"),
        *("reactions", "reviews", "review_result", "chars", "characters", "words", "usage", "cost", "logprobs"),
        *("finish_reason", "stop_reason", "stop_sequence", "status", "object", "info", "extra", "extra_info"),
        *("details", "tags", "attributes", "note", "notes", "comment", "comments", "annotations", "citations"),
        *("cache_control", "weight"),
    }
)
_USUAL: dict[str, tuple[object, ...]] = {
    "end_turn": (True,),
    "recipient": ("all",),
    "content_type": ("text",),
    "type": ("message", "text", "chat"),
}
"""Values that say what holds without them (ChatGPT's export, OpenAI's Responses API)."""


def must_be_read(message: Message, template: str) -> list[str]:
    """Return the names of ``message``'s fields that are lost where the template reads none of them."""
    return [name for name, value in message.items() if _says_something(name, value, message, template)]


def describing(message: Message) -> Iterator[str]:
    """Yield the names of fields that describe the message, and that nothing reads where the template does not."""
    return (name for name in message if name not in _OWN and _describes(name))


def _says_something(name: str, value: Any, message: Message, template: str) -> bool:
    if name in _OWN or _describes(name) or value is None or value in ("", [], {}):
        return False
    if name in REASONING:
        # The reasoning of earlier answers is left out by design; training has a check of its own for learned ones.
        return False
    if value is False and name != "end_turn":
        return False
    if name == "channel" and value == "final" and message["role"] == "assistant" and FINAL_CHANNEL in template:
        return False
    return not any(value == usual and type(value) is type(usual) for usual in _USUAL.get(name, ()))


def _describes(name: str) -> bool:
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower().replace("-", "_").strip("_")
    return plain in _WORDS or _ENDS.fullmatch(plain) is not None
