"""From the values of a row to an example to learn from: a conversation, a prompt with its answer, or plain text."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from llmwright.reading.json_names import doubled_name, doubled_path, parse_names
from llmwright.values.messages import Message, MessageError, for_template
from llmwright_tuning_qlora.train.data.column_mapping import TOOLS, ColumnMapping

ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})
WEIGHT = "weight"
"""Whether an answer is learned: 0 or 1 (OpenAI's fine-tuning format). No template sees it."""
MARKING = re.compile(
    r"(?:.*_)?(?:train|trained|trainable|training|learn|learned|learnable|loss|mask|masks|masked|weight|weights|ignore"
    r"|ignored|include|included|exclude|excluded|skip|supervised|labels)(?:_on_.*)?"
)
"""Names of marks of other programs that say what is learned. They are refused, because no two mean the same."""
PREFERENCES = frozenset({"chosen", "rejected"})
MARK_HINT = "write weight: 0 in an answer of messages that is not to be learned"
OTHER_PROMPTS = {
    **dict.fromkeys(("system", "system_prompt"), "write it as a message of the role system"),
    **dict.fromkeys(("functions", "function_call"), "write tools"),
    **dict.fromkeys(("images", "image", "audio", "audios", "videos", "video"), "text is read"),
    **dict.fromkeys(("documents", "history"), "write them into messages"),
    **dict.fromkeys(
        ("chat_template", "chat_template_kwargs", "template_kwargs", "enable_thinking", "reasoning_effort"),
        "write ModelConfig.chat_template as it is to be",
    ),
}
"""Columns that would change the prompt, and what to do instead."""


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in order, as a template takes them, and the ``tools`` that they may call.

    ``learned`` holds the positions of the answers to learn, ``column`` names where the messages come from.
    """

    messages: tuple[Message, ...]
    learned: tuple[int, ...]
    tools: tuple[Any, ...] = ()
    column: str = "messages"


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
    if not mapping.named and (fault := _other_column(values, mapping)):
        return fault
    if mapping.kind == "messages":
        return _conversation(values[mapping.columns[0]], mapping.columns[0], values.get(TOOLS))
    if mapping.kind == "text":
        text = values[mapping.columns[0]]
        return _bad_text(text, mapping.columns[0]) or PromptAnswer(text)
    return _pair(values, *mapping.columns)


def _other_column(values: Mapping[str, Any], mapping: ColumnMapping) -> str:
    """Return the fault of a column that says something about the example and is not read; empty for none."""
    for name, value in values.items():
        if name in mapping.columns or value in (None, "", [], {}):
            continue
        if (MARKING.fullmatch(name) and name != WEIGHT) or (name == WEIGHT and value != 1):
            return f"the column {name!r} is not read; {MARK_HINT}"
        if mapping.kind != "text" and (name in PREFERENCES or (name == "label" and value is False)):
            return f"the column {name!r} is not read; keep the rows whose answers are to be learned"
        if name in OTHER_PROMPTS and mapping.kind != "text":
            return f"the column {name!r} is not read; {OTHER_PROMPTS[name]}"
    return ""


def _pair(values: Mapping[str, Any], prompt_column: str, answer_column: str) -> Example | str:
    prompt, answer = values[prompt_column], values[answer_column]
    if isinstance(prompt, list) and isinstance(answer, list):
        example = _conversation([*prompt, *answer], f"{prompt_column}+{answer_column}", values.get(TOOLS))
        if isinstance(example, str):
            return example
        # The answers in the prompt are its history; only the completion is learned.
        learned = tuple(index for index in example.learned if index >= len(prompt))
        return replace(example, learned=learned) if learned else f"{answer_column!r} has no answer"
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


def _conversation(messages: object, name: str, tools: object) -> Conversation | str:
    if not isinstance(messages, list) or not messages:
        return (
            f"{name!r} is {'an empty list' if messages == [] else _describe(messages)}; a list of messages is expected"
        )
    # Parquet gives a message every key that any message of the file has, with null where it has none.
    present = [_without_nulls(message) for message in messages]
    for index, message in enumerate(present):
        problem = _bad_message(message, f"{name}[{index}]")
        if problem:
            return problem
    parsed = _parsed_tools(tools)
    if isinstance(parsed, str):
        return parsed
    answers = [index for index, message in enumerate(present) if message["role"] == "assistant"]
    learned = tuple(index for index in answers if present[index].get(WEIGHT, 1) != 0)
    if not learned:
        reason = "has no message of the assistant" if not answers else "gives every answer the weight 0"
        return f"{name!r} {reason}, so nothing to learn"
    plain = tuple({key: value for key, value in for_template(message).items() if key != WEIGHT} for message in present)
    return Conversation(plain, learned, parsed, name)


def _without_nulls(message: object) -> Any:
    if not isinstance(message, dict):
        return message
    return {key: value for key, value in message.items() if value is not None or key in {"role", "content"}}


def _bad_message(message: object, where: str) -> str:
    if not isinstance(message, dict) or "role" not in message or not {"content", "tool_calls"} & set(message):
        return f"{where} is {_describe(message)} without role and content" if message != {} else f"{where} is empty"
    if not isinstance(message["role"], str) or message["role"] not in ROLES:
        return f"{where}.role is {message['role']!r}; one of {', '.join(sorted(ROLES))} is expected"
    mark = next((key for key in message if key != WEIGHT and MARKING.fullmatch(key)), None)
    if mark is not None:
        return f"{where}.{mark} is not read; {MARK_HINT}"
    if WEIGHT in message and (message["role"] != "assistant" or message[WEIGHT] not in (0, 1)):
        return f"{where}.weight is {message[WEIGHT]!r}; 0 or 1 is expected, in answers of the assistant"
    if message.get("content") is None and not message.get("tool_calls"):
        return f"{where}.content is null; text is expected"
    try:
        text = for_template(message)["content"]
    except MessageError as error:
        return f"{where}.{error}"
    doubled = (_doubled_argument(call) for call in message.get("tool_calls") or ())
    twice = next((key for key in doubled if key is not None), None)
    if twice is not None:
        return f"{where}.tool_calls has arguments that name the key {twice!r} twice"
    empty_answer = message["role"] == "assistant" and not text.strip() and not message.get("tool_calls")
    return f"{where} is an empty answer" if empty_answer else ""


def _doubled_argument(call: Any) -> str | None:
    """Return the key that the JSON text of a call's arguments names twice; None for none."""
    written = call["function"].get("arguments")
    return doubled_name(written) if isinstance(written, str) and written.strip() else None


def _parsed_tools(tools: object) -> tuple[Any, ...] | str:
    if isinstance(tools, str) and tools.strip():
        try:
            tools, doubled = parse_names(tools)
        except (ValueError, RecursionError):
            return f"{TOOLS!r} is not JSON"
        if doubled:
            return f"{TOOLS!r} names the key {doubled_path(tools)!r} twice in one object"
    if not tools:
        return ()
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        return f"{TOOLS!r} is {_describe(tools)}; a list of objects is expected"
    return tuple(tools)
