"""Ask a chat by the official client, whole and streamed, and put both together in one form."""

from __future__ import annotations

from typing import Any

import openai

Answer = tuple[dict[str, Any], str, Any]
"""Message (content, reasoning, calls), finish reason, usage."""


def ask(client: openai.OpenAI, name: str, **fields: Any) -> Any:
    """Return what the client returns for the question ``name`` to the model ``b``."""
    asked: dict[str, Any] = {"model": "b", "messages": [{"role": "user", "content": name}], "max_tokens": 400, **fields}
    return client.chat.completions.create(**asked)


def streamed(client: openai.OpenAI, name: str, **fields: Any) -> Answer:
    """Return an answer that is put together from the deltas."""
    message: dict[str, Any] = {"content": "", "reasoning": "", "calls": []}
    reason, usage = "", None
    for chunk in ask(client, name, stream=True, stream_options={"include_usage": True}, **fields):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            message["content"] += choice.delta.content or ""
            message["reasoning"] += (choice.delta.model_extra or {}).get("reasoning") or ""
            for call in choice.delta.tool_calls or ():
                if call.function.name:
                    assert call.id
                    assert call.index == len(message["calls"])
                    message["calls"].append([call.function.name, ""])
                message["calls"][call.index][1] += call.function.arguments
            reason = choice.finish_reason or reason
    return message, reason, usage


def whole(client: openai.OpenAI, name: str, **fields: Any) -> Answer:
    """Return an answer that is not streamed."""
    made = ask(client, name, **fields)
    (choice,) = made.choices
    calls = [[call.function.name, call.function.arguments] for call in choice.message.tool_calls or ()]
    reasoning = (choice.message.model_extra or {}).get("reasoning") or ""
    message = {"content": choice.message.content or "", "reasoning": reasoning, "calls": calls}
    return message, choice.finish_reason, made.usage
