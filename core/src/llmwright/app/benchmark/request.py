"""Requests: a prompt, in the fields that the server takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmwright.app.benchmark.workload import Prompt, Workload

REFUSALS = frozenset({400, 422})
"""The statuses by which servers refuse a field."""

PATHS = {"chat": "/v1/chat/completions", "completions": "/v1/completions"}


@dataclass(frozen=True, slots=True)
class Dialect:
    """The fields that a server takes beyond the oldest ones of the OpenAI API."""

    ignore_eos: bool = True
    stream_options: bool = True
    temperature: bool = True
    max_tokens: bool = True


@dataclass(frozen=True, slots=True)
class Request:
    """The path and the body of one request, and the most tokens that it asks for."""

    path: str
    body: Mapping[str, Any]
    max_tokens: int


def make_request(
    prompt: Prompt, workload: Workload, dialect: Dialect, model: str, max_tokens: int | None = None
) -> Request:
    """Return the request for ``prompt``; its own fields win over the workload's.

    Args:
        max_tokens: the most tokens of the answer, whatever prompt and workload ask for.
    """
    own = {name: value for name, value in prompt.fields.items() if name not in ("max_tokens", "max_completion_tokens")}
    limit = max_tokens or _own_limit(prompt) or workload.output_tokens
    body: dict[str, Any] = {"model": model, **_text_fields(prompt, workload)}
    body["max_tokens" if dialect.max_tokens else "max_completion_tokens"] = limit
    if dialect.temperature:
        body["temperature"] = workload.temperature
    if workload.full_length and dialect.ignore_eos:
        body["ignore_eos"] = True
    if workload.stream:
        body["stream"] = True
        if dialect.stream_options:
            body["stream_options"] = {"include_usage": True}
    return Request(PATHS[workload.api], {**body, **own}, limit)


def narrower(dialect: Dialect, workload: Workload, message: str) -> Dialect | None:
    """Return ``dialect`` without one more field, after a refusal with ``message``; None where nothing is left to drop.

    A field that the message names goes first.
    """
    optional = {
        "ignore_eos": dialect.ignore_eos and workload.full_length,
        "stream_options": dialect.stream_options and workload.stream,
        "temperature": dialect.temperature,
        "max_tokens": dialect.max_tokens and workload.api == "chat",
    }
    present = [name for name, is_sent in optional.items() if is_sent]
    named = [name for name in present if name in message]
    dropped = next(iter((*named, *present)), None)
    return replace(dialect, **{dropped: False}) if dropped else None


def _own_limit(prompt: Prompt) -> int | None:
    return prompt.fields.get("max_completion_tokens") or prompt.fields.get("max_tokens")


def _text_fields(prompt: Prompt, workload: Workload) -> Mapping[str, Any]:
    if workload.api == "completions":
        return {"prompt": prompt.text}
    return {"messages": list(prompt.messages) or [{"role": "user", "content": prompt.text}]}
