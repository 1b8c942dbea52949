"""Chat messages in the form that chat templates take. Training and serving both stand on it, so that they agree.

The forms are those of OpenAI's chat API and of transformers' chat templates (its guide 'Writing a chat template').
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

Message = Mapping[str, Any]
OTHER_ANSWERS = {"function_call": "write tool_calls", "refusal": "write it as content", "audio": "text is read"}
"""Fields in which OpenAI's API has an answer beside its content, and what to write instead. No template reads them."""


class MessageError(ValueError):
    """A message that no template can take. The text names the field below the message."""


def for_template(message: Message) -> dict[str, Any]:
    """Return ``message`` with its content as text, and the arguments of its tool calls as objects.

    A content of several text parts is joined. No content, as beside tool calls, is an empty text. Other fields stay,
    but for null and an empty list of calls: clients and Parquet write those for nothing, and templates ask whether a
    field is there.

    Raises:
        MessageError: a part that is no text, calls that are none, arguments that are no JSON object, or an answer in
            another field.
    """
    present = {name: value for name, value in message.items() if value is not None}
    other = next((name for name in OTHER_ANSWERS if present.get(name)), None)
    if other is not None:
        raise MessageError(f"{other} is not read; {OTHER_ANSWERS[other]}")
    result = {**present, "content": _text(message.get("content"))}
    calls = present.get("tool_calls", [])
    if not isinstance(calls, list):
        raise MessageError("tool_calls is no list")
    result.pop("tool_calls", None)
    return {**result, "tool_calls": [_tool_call(call, index) for index, call in enumerate(calls)]} if calls else result


def render(apply: Callable[[list[dict[str, Any]]], str], messages: Sequence[Message], template: str) -> str:
    """Return ``apply(messages)``; a ``template`` whose text has no word ``developer`` gets that role as ``system``.

    OpenAI renamed the role ``system`` to ``developer``, so the meaning is the same. A template that writes any role
    would show the model a word that it never saw.
    """
    known = "developer" in template
    return apply(
        [
            {**message, "role": "system"} if message.get("role") == "developer" and not known else dict(message)
            for message in messages
        ]
    )


def _text(content: object) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise MessageError("content is neither text nor a list of parts")
    return "".join(_part(part, index) for index, part in enumerate(content))


def _part(part: object, index: int) -> str:
    if isinstance(part, Mapping) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    kind = part.get("type") if isinstance(part, Mapping) else None
    what = f"of type {kind!r}" if kind else "no part"
    raise MessageError(f"content[{index}] is {what}; parts of type 'text' are read")


def _tool_call(call: object, index: int) -> object:
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(call, Mapping) or not isinstance(function, Mapping):
        raise MessageError(f"tool_calls[{index}] has no function")
    arguments = _arguments(function.get("arguments", {}))
    if not isinstance(arguments, Mapping):
        raise MessageError(f"tool_calls[{index}].function.arguments is no JSON object")
    return {**call, "function": {**function, "arguments": arguments}}


def _arguments(written: object) -> object:
    """Return arguments as data. OpenAI's API has them as JSON text, which a template would encode a second time.

    A template writes an object, so what is none has no right form in a prompt (vLLM refuses it too). No text, which
    some models write for a function without parameters, is an empty object.
    """
    if not isinstance(written, str):
        return {} if written is None else written
    try:
        return read_json(written) if written.strip() else {}
    except Unreadable:
        return None
