"""The grammar of an answer that has to be a call of a tool, in the form that the model was trained with."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from llmwright_runtime_hf.serve.engine.guides import GuideSource
from llmwright_runtime_hf.serve.http.calls.argument_types import (
    items_schema,
    kinds_of,
    property_schema,
    resolved,
    texts_of,
)
from llmwright_runtime_hf.serve.http.calls.braced_calls import BracedCalls
from llmwright_runtime_hf.serve.http.calls.call_formats import FORMATS, CallFormat
from llmwright_runtime_hf.serve.http.calls.channel_grammar import channel_grammar
from llmwright_runtime_hf.serve.http.calls.json_calls import JsonCalls, NamedJsonCalls
from llmwright_runtime_hf.serve.http.calls.tagged_calls import TaggedCalls
from llmwright_runtime_hf.serve.http.tool_requests import Tool
from llmwright_runtime_hf.tool_parsers import CHANNELS

MOST_CALLS = 8
"""Calls in one answer that is bound to be calls: a small model would not come to an end by itself."""
_SHARED = ("$defs", "definitions")
_NO_ARGUMENTS: dict[str, Any] = {"type": "object", "additionalProperties": False}
_DEEPEST = 4
"""Objects within objects whose members are kept to the schema, in braces."""
_ANY_TEXT = r"/(.|\n)*/"


def grammar_of(
    tools: Sequence[Tool], parser: str, *, several: bool, special: Callable[[str], int | None]
) -> GuideSource:
    """Return the grammar: one call of ``tools``, or up to MOST_CALLS with ``several``.

    ``special`` tells the id of a text that is a special token, where it is one.
    """
    if parser == CHANNELS:
        named = {tool.function.name: tool.function.parameters or _NO_ARGUMENTS for tool in tools}
        return channel_grammar(named, special)
    return _Grammar(FORMATS[parser], parser, several, special).source(tools)


@dataclass(frozen=True, slots=True)
class _Grammar:
    """Make the lines of a grammar in Lark's form."""

    format: CallFormat
    parser: str
    several: bool
    special: Callable[[str], int | None]
    rules: dict[str, str] = field(default_factory=dict)

    def source(self, tools: Sequence[Tool]) -> GuideSource:
        form = self.format
        begin, end = self._text(form.begin), self._text(form.end)
        call = "(" + " | ".join(f"tool_{index}" for index in range(len(tools))) + ")"
        room, glue = self._text(form.room), self._text(form.glue)
        if form.end and not form.inside:
            call = f"{begin} {room} {call} {room} {end}"
        start = f"call ({glue} call){{0,{MOST_CALLS - 1}}}" if self.several else "call"
        if form.inside:
            start = f"{begin} {room} {start} {room} {end}"
        elif self.parser == "mistral":
            start = f'{begin} "[" {start} "]"'
        self.rules.update(start=start, call=call)
        for index, tool in enumerate(tools):
            self.rules[f"tool_{index}"] = self._tool(tool)
        return GuideSource("lark", "\n".join(f"{name}: {rule}" for name, rule in self.rules.items()))

    def _tool(self, tool: Tool) -> str:
        calls, name = self.format.calls, tool.function.name
        parameters = tool.function.parameters or _NO_ARGUMENTS
        if isinstance(calls, JsonCalls):
            return self._json(_named_schema(name, parameters, calls.key))
        if isinstance(calls, NamedJsonCalls):
            written = calls.written.format(name=name)
            return f"{self._text(written)} {self._json(parameters)} {self._text(calls.tail)}"
        if isinstance(calls, TaggedCalls):
            given = " ".join(self._tagged(calls, parameters))
            return f"{self._text(calls.written_head.format(name=name))} {given} {self._text(calls.written_tail)}"
        return f"{self._text(f'call:{name}{{')} {self._members(calls, parameters)} {self._text('}')}"

    def _tagged(self, calls: TaggedCalls, parameters: dict[str, Any]) -> Iterator[str]:
        says_kind = "{plain}" in calls.written_argument
        for key, schema, needed in _arguments(parameters):
            texts, kinds = texts_of(schema), kinds_of(schema)
            plain = bool(texts) or kinds <= {"string"} or ("string" in kinds and not says_kind)
            head = self._text(calls.written_argument.format(key=key, plain=str(plain).lower()))
            if plain and not texts:
                # The reader ends a value at its end mark, with or without the break before.
                after = calls.written_value_end.partition(calls.value_end)[2]
                value = f"{self._open_text(calls.value_end)} {self._text(after)}"
            else:
                given = f"({self._one_of(texts)})" if texts else self._json(schema or {})
                value = f"{given} {self._text(calls.written_value_end)}"
            yield f"({head} {value}){'' if needed else '?'}"

    def _members(self, calls: BracedCalls, parameters: dict[str, Any], depth: int = 0) -> str:
        members = [
            (f"{self._text(f'{key}:')} {self._braced_value(calls, schema or {}, depth)}", needed)
            for key, schema, needed in _arguments(parameters)
        ]
        return _separated(members)

    def _braced_value(self, calls: BracedCalls, schema: dict[str, Any], depth: int) -> str:
        mark, texts, kinds = self._text(calls.mark), texts_of(schema), kinds_of(schema)
        inner = resolved(schema)
        if texts:
            return f"{mark} ({self._one_of(texts)}) {mark}"
        if "string" in kinds or not kinds:
            return f"{mark} {self._open_text(calls.mark)}"
        if not kinds & {"object", "array"}:
            return self._json(schema)
        if kinds == {"object"} and isinstance(inner.get("properties"), dict) and depth < _DEEPEST:
            return f'"{{" {self._members(calls, inner, depth + 1)} "}}"'
        items = items_schema(schema)
        if kinds == {"array"} and items is not None and depth < _DEEPEST:
            item = self._braced_value(calls, items, depth + 1)
            return f'"[" ({item} ("," {item})*)? "]"'
        return self._any_value(calls, kinds)

    def _any_value(self, calls: BracedCalls, kinds: set[str]) -> str:
        """Return the name of the rule for any list, any object, or any value."""
        mark = self._text(calls.mark)
        if "value" not in self.rules:
            simple = f'{mark} {self._open_text(calls.mark)} | /-?[0-9]+(\\.[0-9]+)?/ | "true" | "false" | "null"'
            self.rules["value"] = f"{simple} | list | object"
            self.rules["list"] = '"[" (value ("," value)*)? "]"'
            self.rules["object"] = '"{" (pair ("," pair)*)? "}"'
            self.rules["pair"] = '/[A-Za-z_][A-Za-z0-9_]*/ ":" value'
        return {"object": "object", "array": "list"}.get("".join(kinds), "value")

    def _open_text(self, end: str) -> str:
        """Return the name of a rule for any text up to ``end``, and ``end``. The first ``end`` is the end."""
        before, *marks = re.split("(" + "|".join(map(re.escape, self.format.marks)) + ")", end)
        if not marks or self.special(marks[0]) is None:
            self.rules[f"text[suffix={_quoted(end)}]"] = _ANY_TEXT
            return "text"
        # No text of a grammar matches a special token. A text that has what stands before it goes on after that.
        self.rules[f"part[suffix={_quoted(before)}]" if before else "part"] = _ANY_TEXT
        return f"part{'+' if before else ''} {self._text(''.join(marks))}"

    def _one_of(self, texts: Sequence[str]) -> str:
        return " | ".join(self._text(text) for text in texts)

    def _text(self, text: str) -> str:
        """Return ``text`` for the grammar, with the special tokens in it by their ids."""
        if not text:
            return ""
        marks = sorted(self.format.marks, key=len, reverse=True)
        parts = re.split("(" + "|".join(re.escape(mark) for mark in marks) + ")", text)
        return " ".join(self._mark(part) if part in marks else _quoted(part) for part in parts if part)

    def _mark(self, mark: str) -> str:
        token = self.special(mark)
        return _quoted(mark) if token is None else f"<[{token}]>"

    def _json(self, schema: dict[str, Any]) -> str:
        return "%json " + json.dumps({**schema, "x-guidance": {"whitespace_pattern": "[ \\n]{1,16}"}})


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _arguments(parameters: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None, bool]]:
    """Yield key, schema and whether it is required, of each argument in the tool's order."""
    required = parameters.get("required")
    for key in parameters.get("properties") or ():
        yield key, property_schema(parameters, key), isinstance(required, list) and key in required


def _separated(members: Sequence[tuple[str, bool]]) -> str:
    """Return the members with commas between those that are there."""
    # The first that is there has no comma before it: one branch for each member that may be the first.
    branches = list[str]()
    for first, (member, needed) in enumerate(members):
        rest = (f'("," {later})' + ("" if must else "?") for later, must in members[first + 1 :])
        branches.append(f"({member} {' '.join(rest)})")
        if needed:
            return " ( " + " | ".join(branches) + " )"
    return "(" + " | ".join(branches) + ")?" if branches else ""


def _named_schema(name: str, parameters: dict[str, Any], key: str) -> dict[str, Any]:
    parameters = dict(parameters)
    # References lead from the root, so that what they lead to has to lie there.
    shared = {name: parameters.pop(name) for name in _SHARED if name in parameters}
    properties = {"name": {"const": name}, key: parameters}
    return {
        "type": "object",
        "properties": properties,
        "required": [*properties],
        "additionalProperties": False,
    } | shared
