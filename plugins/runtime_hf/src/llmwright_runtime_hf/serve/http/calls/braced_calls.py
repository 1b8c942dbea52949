"""Calls as ``call:name{key:value,…}`` with marks around texts (Gemma 4, FunctionGemma)."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from llmwright_runtime_hf.serve.http.calls.argument_types import items_schema, loose_json, property_schema, typed
from llmwright_runtime_hf.serve.http.calls.blanks import after_blanks
from llmwright_runtime_hf.serve.http.calls.tool_call import Parameters, ToolCall

_HEAD = re.compile(r"call:\s*+([\w.-]{1,64}+)\s*+\{")
_DEEPEST = 32
_KEY = re.compile(r"([^:,{}\[\]]*+):\s*+")
_BARE = re.compile(r"[^,{}\[\]]*+")


class _WrongError(ValueError):
    """The text is no value of this form."""


@dataclass(frozen=True, slots=True)
class BracedCalls:
    """``mark`` stands before and after each text."""

    mark: str

    def read(self, text: str, parameters: Parameters) -> list[ToolCall]:
        """Return the calls that ``text`` is; none where any part of it is something else."""
        calls = list[ToolCall]()
        place = 0
        while (place := after_blanks(text, place)) < len(text):
            head = _HEAD.match(text, place)
            if head is None:
                return []
            try:
                found, place = _Values(text, self.mark).members(head.end(), 0)
            except _WrongError:
                return []
            schema = parameters.get(head[1])
            arguments = {key: _typed(value, property_schema(schema, key)) for key, value in found.items()}
            calls.append(ToolCall.of(head[1], arguments))
        return calls


@dataclass(frozen=True, slots=True)
class _Bare:
    """A value without marks: a number, or a text of a model that forgot them."""

    text: str


@dataclass(frozen=True, slots=True)
class _Values:
    """Read values from ``text``. Each method takes the place where its value begins, and returns that of its end."""

    text: str
    mark: str

    def members(self, place: int, depth: int) -> tuple[dict[str, Any], int]:
        found = dict[str, Any]()
        while not self.text.startswith("}", place := after_blanks(self.text, place)):
            key = _KEY.match(self.text, place)
            if key is None:
                raise _WrongError
            found[key[1].strip().removeprefix(self.mark).removesuffix(self.mark)], place = self._value(key.end(), depth)
            place = self._comma(place, "}")
        return found, place + 1

    def _items(self, place: int, depth: int) -> tuple[list[Any], int]:
        found = list[Any]()
        while not self.text.startswith("]", place := after_blanks(self.text, place)):
            item, place = self._value(place, depth)
            found.append(item)
            place = self._comma(place, "]")
        return found, place + 1

    def _value(self, place: int, depth: int) -> tuple[Any, int]:
        if depth > _DEEPEST:
            raise _WrongError
        if self.text.startswith(self.mark, place):
            start = place + len(self.mark)
            end = self.text.find(self.mark, start)
            if end < 0:
                raise _WrongError
            return self.text[start:end], end + len(self.mark)
        if self.text.startswith("{", place):
            return self.members(place + 1, depth + 1)
        if self.text.startswith("[", place):
            return self._items(place + 1, depth + 1)
        bare = _BARE.match(self.text, place)
        assert bare is not None
        return _Bare(bare[0].strip()), bare.end()

    def _comma(self, place: int, end: str) -> int:
        place = after_blanks(self.text, place)
        if self.text.startswith(",", place):
            return place + 1
        if not self.text.startswith(end, place):
            raise _WrongError
        return place


def _typed(value: Any, schema: Any) -> Any:
    if isinstance(value, _Bare):
        return typed(value.text, schema) if schema is not None else loose_json(value.text)
    if isinstance(value, dict):
        return {key: _typed(item, property_schema(schema, key)) for key, item in value.items()}
    if isinstance(value, list):
        return [_typed(item, items_schema(schema)) for item in value]
    return value
