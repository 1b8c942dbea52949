"""Reading YAML text into plain data with positions, from libyaml's events.

Events and not nodes: nothing recurses, so deep nesting cannot exhaust the stack. An alias is a shared value whose
expanded size is counted, so a few lines cannot grow to gigabytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import yaml

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.reading.files import MOST_BYTES
from llmwright.reading.yaml_paths import Path, render_path
from llmwright.reading.yaml_scalars import Scalar, is_other_in_1_1, plain_scalar
from llmwright.reading.yaml_syntax import explained, syntax_problem

MAX_CHARACTERS = MOST_BYTES
MAX_NODES = 100_000
"""Values of one text, each alias counted in full."""
MAX_DEPTH = 100

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_CORE = "tag:yaml.org,2002:"
_RESOLVED_TAGS = frozenset(_CORE + kind for kind in ("int", "float", "bool", "null"))
_TEXT_TAGS = frozenset(("!", _CORE + "str"))
_COLLECTION_TAGS = frozenset(("!", _CORE + "map", _CORE + "seq"))


class Position(NamedTuple):
    """Line and column, both from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Reading:
    """One document: its data, and the position of each value by its path; in a mapping, the position of its key.

    ``misread`` holds the paths of texts without quotes that YAML 1.1 takes for something else.
    """

    data: Any
    positions: dict[Path, Position]
    misread: tuple[Path, ...] = ()


@dataclass(slots=True)
class _Open:
    """A collection whose end is not read yet. ``key`` waits for its value."""

    value: Any
    path: Path
    position: Position
    anchor: str | None
    weight: int = 1
    key: str | None = None
    key_position: Position | None = None
    key_is_merge: bool = False
    merged: list[Any] = field(default_factory=list)


class _Refused(Exception):
    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def read(text: str, source: str, scalar: Callable[[str], Scalar] = plain_scalar) -> list[Reading]:
    """Read each document of ``text``; an empty document has ``data`` None. ``scalar`` reads text without quotes.

    Raises:
        InvalidWorkspace: bad syntax, a tab, a key that is doubled or no text, endless aliases, or too much data.
    """
    reader = _Reader(scalar)
    try:
        _check_size(text)
        for event in _events(text):
            reader.take(event)
    except _Refused as refused:
        raise InvalidWorkspace([*reader.problems, explained(refused.problem, text)], source=source) from None
    if reader.problems:
        raise InvalidWorkspace(reader.problems, source=source)
    return reader.documents


def _check_size(text: str) -> None:
    if len(text) > MAX_CHARACTERS:
        message = f"the text has {len(text):,} characters, more than {MAX_CHARACTERS:,}"
        raise _Refused(Problem("", message, hint="is this the right file?", reason="TooLarge"))


def _events(text: str) -> Iterator[Any]:
    try:
        loader = _LOADER(text.removeprefix("\ufeff"))
        try:
            while loader.check_event():
                yield loader.get_event()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        raise _Refused(syntax_problem(error, text)) from None
    except yaml.reader.ReaderError as error:
        raise _Refused(Problem("", f"a character that YAML does not allow: {error.reason}")) from None
    except UnicodeEncodeError:
        raise _Refused(Problem("", "the text is not valid Unicode", hint="save the file as UTF-8")) from None


class _Reader:
    """Builds data and positions from the events of one text, in order."""

    def __init__(self, scalar: Callable[[str], Scalar]) -> None:
        self._plain = scalar
        self.documents: list[Reading] = []
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._positions: dict[Path, Position] = {}
        self._misread: list[Path] = []
        self._root: Any = None
        self._takers: dict[type, Callable[[Any], None]] = {
            yaml.ScalarEvent: self._scalar,
            yaml.MappingStartEvent: lambda event: self._start(event, {}),
            yaml.SequenceStartEvent: lambda event: self._start(event, []),
            yaml.MappingEndEvent: self._end,
            yaml.SequenceEndEvent: self._end,
            yaml.AliasEvent: self._alias,
            yaml.DocumentStartEvent: self._document_start,
            yaml.DocumentEndEvent: self._document_end,
        }

    def take(self, event: Any) -> None:
        taker = self._takers.get(type(event))
        if taker is not None:
            taker(event)

    def _document_start(self, event: Any) -> None:
        self._anchors, self._positions, self._misread, self._root = {}, {}, [], None

    def _document_end(self, event: Any) -> None:
        self.documents.append(Reading(self._root, self._positions, tuple(self._misread)))

    def _scalar(self, event: Any) -> None:
        if self._awaits_key():
            self._take_key(event)
            return
        value = self._value(event)
        if event.implicit[0] and isinstance(value, str) and is_other_in_1_1(value):
            self._misread.append(self._next_path())
        if event.anchor:
            self._anchors[event.anchor] = (value, 1)
        self._place(value, 1, event)

    def _value(self, event: Any) -> Scalar:
        text: str = event.value
        if event.tag is None:
            return self._plain(text) if event.implicit[0] else text
        if event.tag in _TEXT_TAGS:
            return text
        if event.tag not in _RESOLVED_TAGS:
            raise _Refused(_unknown_tag(event))
        value = self._plain(text)
        if isinstance(value, str):
            raise _Refused(
                _at(_position(event), f"{text[:80]!r} is not of the kind that its tag names", "remove the tag")
            )
        return value

    def _take_key(self, event: Any) -> None:
        parent = self._open[-1]
        position = _position(event)
        parent.key, parent.key_position = event.value, position
        # A key in quotes is text and no merge (YAML's type `merge` is resolved for plain scalars alone).
        parent.key_is_merge = event.value == "<<" and event.implicit[0]
        first = self._positions.get((*parent.path, event.value))
        if first is not None and event.value in parent.value:
            path = render_path((*parent.path, event.value))
            message, hint = f"the key is there twice, first on line {first.line}", "remove one of the two"
            self.problems.append(Problem(path, message, hint, position.line, position.column, reason="DuplicateKey"))

    def _start(self, event: Any, value: Any) -> None:
        position = _position(event)
        if self._awaits_key():
            raise _Refused(_at(position, "a key must be text", "put quotes around the key"))
        if len(self._open) >= MAX_DEPTH:
            raise _Refused(_at(position, f"nested more than {MAX_DEPTH} levels deep"))
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            raise _Refused(_unknown_tag(event))
        self._open.append(_Open(value, self._next_path(), position, event.anchor))

    def _end(self, event: Any) -> None:
        closed = self._open.pop()
        for mapping in closed.merged:
            for key, value in mapping.items():
                closed.value.setdefault(key, value)
        if closed.anchor:
            self._anchors[closed.anchor] = (closed.value, closed.weight)
        self._place(closed.value, closed.weight, event, closed.position)

    def _alias(self, event: Any) -> None:
        if self._awaits_key():
            raise _Refused(_at(_position(event), "a key must be text", "write the key out instead of an alias"))
        if event.anchor not in self._anchors:
            raise _Refused(_at(_position(event), f"no anchor &{event.anchor} ends before this alias"))
        value, weight = self._anchors[event.anchor]
        self._place(value, weight, event)

    def _awaits_key(self) -> bool:
        return bool(self._open) and self._open[-1].key is None and isinstance(self._open[-1].value, dict)

    def _next_path(self) -> Path:
        if not self._open:
            return ()
        parent = self._open[-1]
        part = parent.key if isinstance(parent.value, dict) else len(parent.value)
        return (*parent.path, part if part is not None else "")

    def _place(self, value: Any, weight: int, event: Any, position: Position | None = None) -> None:
        self._count(weight if isinstance(event, yaml.AliasEvent) else 1, event)
        if not self._open:
            self._root, self._positions[()] = value, position or _position(event)
            return
        path, parent = self._next_path(), self._open[-1]
        parent.weight += weight
        if isinstance(parent.value, list):
            self._positions[path] = position or _position(event)
            parent.value.append(value)
            return
        self._positions[path] = parent.key_position or _position(event)
        self._put(parent, value)

    def _put(self, parent: _Open, value: Any) -> None:
        key, parent.key = parent.key, None
        if parent.key_is_merge and _is_merge(value):
            parent.merged.extend(value if isinstance(value, list) else [value])
        else:
            parent.value[key] = value

    def _count(self, weight: int, event: Any) -> None:
        self._nodes += weight
        if self._nodes > MAX_NODES:
            hint = "aliases count in full each time they are used"
            raise _Refused(_at(_position(event), f"more than {MAX_NODES:,} values", hint, reason="TooLarge"))


def _is_merge(value: Any) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and all(isinstance(item, dict) for item in value))


def _unknown_tag(event: Any) -> Problem:
    return _at(_position(event), f"the tag {event.tag} is not known here", "remove it, or put quotes around the value")


def _position(event: Any) -> Position:
    mark = event.start_mark
    return Position(mark.line + 1, mark.column + 1)


def _at(position: Position, message: str, hint: str = "", *, reason: str = "BadSyntax") -> Problem:
    return Problem("", message, hint, position.line, position.column, reason=reason)
