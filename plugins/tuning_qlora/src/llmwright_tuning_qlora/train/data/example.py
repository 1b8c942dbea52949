"""From the values of a row to an example to learn from: a conversation, a prompt with its answer, or plain text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llmwright_tuning_qlora.train.data.column_mapping import ColumnMapping

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order. The assistant's are learned."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class PromptAnswer:
    """The ``answer`` is learned, the ``prompt`` is not. A plain text is an answer without a prompt."""

    answer: str
    prompt: str = ""


Example = Conversation | PromptAnswer


def parse_example(values: Mapping[str, Any], mapping: ColumnMapping) -> Example | str:
    """Return the example in a row's ``values``, or a text that names their fault."""
    missing = [name for name in mapping.columns if name not in values]
    if missing:
        return f"no {missing[0]!r}; found {', '.join(repr(name) for name in values) or 'nothing'}"
    if mapping.kind == "messages":
        return _conversation(values[mapping.columns[0]], mapping.columns[0])
    if mapping.kind == "text":
        text = values[mapping.columns[0]]
        return _bad_text(text, mapping.columns[0]) or PromptAnswer(text)
    return _pair(values, *mapping.columns)


def _pair(values: Mapping[str, Any], prompt_column: str, answer_column: str) -> Example | str:
    prompt, answer = values[prompt_column], values[answer_column]
    if isinstance(prompt, list) and isinstance(answer, list):
        return _conversation([*prompt, *answer], f"{prompt_column}+{answer_column}")
    return _bad_text(prompt, prompt_column) or _bad_text(answer, answer_column) or PromptAnswer(answer, prompt)


def _bad_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        return f"{name!r} is {_describe(value)}; text is expected"
    return "" if value.strip() else f"{name!r} is empty"


def _describe(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return f"the number {value}" if not isinstance(value, bool) else "true or false"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"of type {type(value).__name__}"


def _conversation(messages: object, name: str) -> Example | str:
    if not isinstance(messages, list) or not messages:
        return (
            f"{name!r} is {'an empty list' if messages == [] else _describe(messages)}; a list of messages is expected"
        )
    for index, message in enumerate(messages):
        problem = _bad_message(message, f"{name}[{index}]")
        if problem:
            return problem
    if not any(message["role"] == "assistant" for message in messages):
        return f"{name!r} has no message of the assistant, so nothing to learn"
    return Conversation(tuple({"role": m["role"], "content": m["content"]} for m in messages))


def _bad_message(message: object, where: str) -> str:
    if not isinstance(message, dict) or not {"role", "content"} <= set(message):
        return f"{where} is {_describe(message)} without role and content" if message != {} else f"{where} is empty"
    if message["role"] not in ROLES:
        return f"{where}.role is {message['role']!r}; one of {', '.join(sorted(ROLES))} is expected"
    if not isinstance(message["content"], str):
        return f"{where}.content is {_describe(message['content'])}; text is expected"
    empty_answer = message["role"] == "assistant" and not message["content"].strip()
    return f"{where} is an empty answer" if empty_answer else ""
