"""Tool calls in the text of an answer: found while it streams, by the format that the model was trained with."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field
from typing import Any

from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json
from llmwright_runtime_hf.serve.engine.stop_strings import StopStrings

_NEXT_OBJECT = re.compile(r";\s*(?=\{)")
_NAMED = re.compile(r"\s*+([\w.-]{1,64})\s*+(?:\[CALL_ID\][^\[{]*+)?(?:\[ARGS\])?\s*+(\{.*)", re.DOTALL)
"""Possessive: blanks without end that two parts of it could share would take a time that grows with their square."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of the function ``name``; ``arguments`` is the JSON of an object. ``id`` is made for its answer."""

    name: str
    arguments: str
    # Mistral's templates take ids of nine letters and digits, and no others mind.
    id: str = field(default_factory=lambda: secrets.token_hex(5)[:9])

    def json(self) -> dict[str, Any]:
        """Return the call as OpenAI's API writes it."""
        return {"id": self.id, "type": "function", "function": {"name": self.name, "arguments": self.arguments}}


Piece = str | ToolCall
"""A part of an answer: text, or a call."""


class CallReader:
    """Take the calls out of an answer that comes piece by piece. What is no call stays text."""

    def __init__(self, parser: str) -> None:
        self._format = FORMATS[parser]
        self._bare = self._format.bare
        """Whether the answer may still be a call as a whole."""
        self._before = StopStrings([self._format.begin])
        self._text = ""
        self._block: str | None = None

    def push(self, text: str) -> list[Piece]:
        """Return what is final with ``text``."""
        pieces = list[Piece]()
        rest: str | None = text
        # No recursion: an answer that goes round in circles has thousands of calls.
        while rest is not None:
            more, rest = self._read(rest)
            pieces += more
        return pieces

    def finish(self) -> list[Piece]:
        """Return the rest, when no text follows."""
        if self._block is not None:
            return self._pieces(self._block)
        if self._bare and self._text.lstrip().startswith("{"):
            calls = calls_of(self._text)
            return [*calls] if calls else [self._text]
        blank, _ = self._free_text()
        return [*blank, *filter(None, [self._before.finish()])]

    def _read(self, text: str) -> tuple[list[Piece], str | None]:
        """Return what is final with ``text`` up to where a block begins or ends, and the rest to be read."""
        if self._block is not None:
            return self._closed_block(text)
        self._text += text
        if self._bare and self._text.lstrip()[:1] in ("", "{"):
            # The whole answer is a call, or text that looks like one: the end decides.
            return [], None
        # From here on it is not, wherever its pieces begin.
        self._bare = False
        return self._free_text()

    def _free_text(self) -> tuple[list[Piece], str | None]:
        text, self._text = self._text, ""
        ready, begins = self._before.push(text)
        if not begins:
            return [ready] if ready else [], None
        held = self._before.after
        self._before = StopStrings([self._format.begin])
        self._block = ""
        return [ready] if ready.strip() else [], held

    def _closed_block(self, text: str) -> tuple[list[Piece], str | None]:
        assert self._block is not None
        end = self._format.end
        # The end may have begun in the piece before; what lies further back was looked at.
        start = max(len(self._block) - len(end), 0)
        self._block += text
        place = self._block.find(end, start) if end else -1
        if place < 0:
            return [], None
        block, rest = self._block[:place], self._block[place + len(end) :]
        self._block = None
        return self._pieces(block, end), rest.lstrip("\n")

    def _pieces(self, block: str, end: str = "") -> list[Piece]:
        calls = calls_of(block)
        return [*calls] if calls else [f"{self._format.begin}{block}{end}"]


@dataclass(frozen=True, slots=True)
class CallFormat:
    """How a model writes calls: between ``begin`` and ``end``; without ``end`` up to the end of the answer.

    ``bare``: an answer that is JSON is a call too. ``arguments`` is the key of the arguments, ``glue`` stands between
    calls.
    """

    begin: str
    end: str = ""
    bare: bool = False
    arguments: str = "arguments"
    glue: str = ""


FORMATS = {
    "hermes": CallFormat("<tool_call>", "</tool_call>", glue="\n"),
    "llama3_json": CallFormat("<|python_tag|>", bare=True, arguments="parameters", glue="; "),
    "mistral": CallFormat("[TOOL_CALLS]", glue=", "),
}
"""By vLLM's names of their parsers."""


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
    if not isinstance(arguments, dict):
        return None
    return ToolCall(value["name"], json.dumps(arguments, ensure_ascii=False))
