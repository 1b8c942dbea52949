"""What a row means: a conversation, a question with its answer, or plain text."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import DatasetSection

ACCEPTED = (
    'accepted are {"messages": [{"role", "content"}, …]}, {"prompt", "completion"} and {"text"}, '
    "or columns named in DatasetConfig"
)
ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})

Message = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order; the assistant's are learned."""

    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Text:
    """``prompt`` is given, ``answer`` is learned; a plain text is all answer."""

    answer: str
    prompt: str = ""


Example = Conversation | Text


@dataclass(frozen=True, slots=True)
class Shape:
    """Which columns are used and how. ``chat`` puts questions and answers into the chat template."""

    kind: Literal["messages", "pair", "text"]
    columns: tuple[str, ...]


def choose(columns: Iterable[str], wanted: DatasetSection) -> Shape:
    """The shape of rows with ``columns``; columns that ``DatasetConfig`` names go first.

    Raises:
        ConfigError: none fits; says what is there and what is accepted.
    """
    present = list(columns)
    for shape in _named(wanted):
        missing = [name for name in shape.columns if name not in present]
        if missing:
            raise _wrong(present, f"no column {missing[0]!r}, which DatasetConfig names")
        return shape
    for kind, needed in (("messages", ("messages",)), ("pair", ("prompt", "completion"))):
        if all(name in present for name in needed):
            return Shape("messages" if kind == "messages" else "pair", needed)
    if wanted.response_column in present:
        return Shape("text", (wanted.response_column,))
    raise _wrong(present, "wrong columns")


def _named(wanted: DatasetSection) -> list[Shape]:
    if wanted.messages_column:
        return [Shape("messages", (wanted.messages_column,))]
    if wanted.context_column:
        return [Shape("pair", (wanted.context_column, wanted.response_column))]
    return [Shape("text", (wanted.response_column,))] if wanted.response_column != "text" else []


def _wrong(present: list[str], what: str) -> ConfigError:
    found = ", ".join(repr(name) for name in present) or "no columns"
    return ConfigError(f"{what}: found {found}", hint=ACCEPTED, reason="DatasetColumns")


def interpret(values: Mapping[str, Any], shape: Shape) -> Example | str:
    """The example that a row's ``values`` make, or what is wrong with them."""
    missing = [name for name in shape.columns if name not in values]
    if missing:
        return f"no {missing[0]!r}; found {', '.join(repr(name) for name in values) or 'nothing'}"
    if shape.kind == "messages":
        return _conversation(values[shape.columns[0]], shape.columns[0])
    if shape.kind == "text":
        text = values[shape.columns[0]]
        return _bad_text(text, shape.columns[0]) or Text(text)
    return _pair(values, *shape.columns)


def _pair(values: Mapping[str, Any], prompt_column: str, answer_column: str) -> Example | str:
    prompt, answer = values[prompt_column], values[answer_column]
    if isinstance(prompt, list) and isinstance(answer, list):
        return _conversation([*prompt, *answer], f"{prompt_column}+{answer_column}")
    return _bad_text(prompt, prompt_column) or _bad_text(answer, answer_column) or Text(answer, prompt)


def _bad_text(value: object, name: str) -> str:
    if not isinstance(value, str):
        return f"{name!r} is {_called(value)}; text is expected"
    return "" if value.strip() else f"{name!r} is empty"


def _called(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool | int | float):
        return f"the number {value}" if not isinstance(value, bool) else "true or false"
    if isinstance(value, list):
        return "a list"
    return "an object" if isinstance(value, dict) else f"of type {type(value).__name__}"


def _conversation(messages: object, name: str) -> Example | str:
    if not isinstance(messages, list) or not messages:
        return f"{name!r} is {'an empty list' if messages == [] else _called(messages)}; a list of messages is expected"
    for index, message in enumerate(messages):
        problem = _bad_message(message, f"{name}[{index}]")
        if problem:
            return problem
    if not any(message["role"] == "assistant" for message in messages):
        return f"{name!r} has no message of the assistant, so nothing to learn"
    return Conversation(tuple({"role": m["role"], "content": m["content"]} for m in messages))


def _bad_message(message: object, where: str) -> str:
    if not isinstance(message, dict) or not {"role", "content"} <= set(message):
        return f"{where} is {_called(message)} without role and content" if message != {} else f"{where} is empty"
    if message["role"] not in ROLES:
        return f"{where}.role is {message['role']!r}; one of {', '.join(sorted(ROLES))} is expected"
    if not isinstance(message["content"], str):
        return f"{where}.content is {_called(message['content'])}; text is expected"
    empty_answer = message["role"] == "assistant" and not message["content"].strip()
    return f"{where} is an empty answer" if empty_answer else ""
