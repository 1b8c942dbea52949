"""Calls with a tag for each argument, and its value as plain text (Qwen3 Coder, GLM, MiniMax, DeepSeek V3.2 and V4)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from llmwright_runtime_hf.serve.http.calls.argument_types import loose_json, property_schema, typed
from llmwright_runtime_hf.serve.http.calls.blanks import after_blanks
from llmwright_runtime_hf.serve.http.calls.tool_call import Parameters, ToolCall


@dataclass(frozen=True, slots=True)
class TaggedCalls:
    """How such calls are read, and how the model writes them.

    ``head`` has a group ``name``, ``argument`` a group ``key``, and ``plain`` where the tag itself says whether the
    value is text ("true") or JSON. The patterns are possessive: no text takes a time that grows with its square.
    """

    head: re.Pattern[str]
    argument: re.Pattern[str]
    value_end: str
    tail: re.Pattern[str]
    written_head: str
    """Of a name."""
    written_argument: str
    """Of a key, and of whether the value is text (``true``, ``false``)."""
    written_value_end: str
    written_tail: str = ""
    lines: bool = False
    """Whether a value stands in lines of its own, between two breaks that are no part of it."""

    def read(self, text: str, parameters: Parameters) -> list[ToolCall]:
        """Return the calls that ``text`` is; none where any part of it is something else."""
        calls = list[ToolCall]()
        place = 0
        while (place := after_blanks(text, place)) < len(text):
            head = self.head.match(text, place)
            read = self._arguments(text, head.end(), parameters.get(head["name"])) if head else None
            if head is None or read is None:
                return []
            arguments, place = read
            calls.append(ToolCall.of(head["name"], arguments))
        return calls

    def _arguments(self, text: str, place: int, schema: Any) -> tuple[dict[str, Any], int] | None:
        """Return the arguments that begin at ``place``, and where their call ends; None where it does not."""
        arguments = dict[str, Any]()
        while argument := self.argument.match(text, after_blanks(text, place)):
            start = argument.end()
            end = text.find(self.value_end, start)
            # A model that forgets to end a value begins the next one.
            following = self.argument.search(text, start, len(text) if end < 0 else end)
            if following:
                value, place = text[start : following.start()], following.start()
            elif end < 0:
                return None
            else:
                value, place = text[start:end], end + len(self.value_end)
            arguments[argument["key"].strip()] = self._value(value, argument, schema)
        tail = self.tail.match(text, after_blanks(text, place))
        return (arguments, tail.end()) if tail else None

    def _value(self, text: str, argument: re.Match[str], schema: Any) -> Any:
        if self.lines:
            text = text.removeprefix("\n").removesuffix("\n")
        plain = argument.groupdict().get("plain")
        if plain is not None:
            return text if plain == "true" else loose_json(text)
        return typed(text, property_schema(schema, argument["key"].strip()))
