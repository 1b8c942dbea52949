"""Calls that are JSON, with the name in it (Hermes, Llama 3, Mistral) or before it (DeepSeek V3, Kimi K2)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright_runtime_hf.serve.http.calls.blanks import after_blanks
from llmwright_runtime_hf.serve.http.calls.tool_call import Parameters, ToolCall

_NEXT_OBJECT = re.compile(r";\s*(?=\{)")
_NAMED = re.compile(r"\s*+([\w.-]{1,64})\s*+(?:\[CALL_ID\][^\[{]*+)?(?:\[ARGS\])?\s*+(\{.*)", re.DOTALL)
"""Possessive: blanks without end that two parts of it could share would take a time that grows with their square."""


@dataclass(frozen=True, slots=True)
class JsonCalls:
    """Objects with a name and arguments. ``key`` is the one of the arguments that the model was trained with."""

    key: str = "arguments"

    def read(self, text: str, parameters: Parameters) -> list[ToolCall]:
        """Return the calls that ``text`` is."""
        return calls_of(text)


@dataclass(frozen=True, slots=True)
class NamedJsonCalls:
    """The name between marks, then the JSON of the arguments.

    ``head`` has a group ``name``, and ``id`` where the model numbers its calls. ``written`` is a head as the model
    writes it, of a name; ``tail`` ends the call.
    """

    head: re.Pattern[str]
    written: str
    tail: str

    def read(self, text: str, parameters: Parameters) -> list[ToolCall]:
        """Return the calls that ``text`` is; none where any part of it is something else."""
        calls = list[ToolCall]()
        place = 0
        while (place := after_blanks(text, place)) < len(text):
            head = self.head.match(text, place)
            end = text.find(self.tail.strip(), head.end()) if head else -1
            if head is None or end < 0:
                return []
            call = _call({"name": head["name"], "arguments": _json(text[head.end() : end])})
            if call is None:
                return []
            # Kimi's template writes the model's own number again, and takes the name from it.
            own = head.groupdict().get("id")
            calls.append(ToolCall(call.name, call.arguments, own) if own else call)
            place = end + len(self.tail.strip())
        return calls


def calls_of(text: str) -> list[ToolCall]:
    """Return the calls that ``text`` is; none where any part of it is something else."""
    named = [_NAMED.fullmatch(part) for part in text.split("[TOOL_CALLS]")]
    if all(named):
        made = [_call({"name": match[1], "arguments": _json(match[2])}) for match in named if match]
    else:
        whole = _json(text)
        values = whole if isinstance(whole, list) else [whole] if whole is not None else _several(text)
        made = [_call(value) for value in values]
    return [call for call in made if call] if all(made) else []


def _several(text: str) -> list[Any]:
    return [_json(part) for part in _NEXT_OBJECT.split(text)]


def _json(text: str) -> Any:
    try:
        return read_json(text)
    except Unreadable:
        return None


def _call(value: Any) -> ToolCall | None:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        return None
    arguments: Any = next((value[key] for key in ("arguments", "parameters") if key in value), {})
    try:
        return ToolCall.of(value["name"], arguments) if isinstance(arguments, dict) else None
    except ValueError:
        return None
