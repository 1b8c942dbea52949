"""The flags of ``vllm serve``, by release: facts that ``engine/list_flags.py`` reads out of the engine's own parser."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Literal, get_args

from llmwright.errors import Problem, did_you_mean, nearest
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

Kind = Literal["switch", "set", "whole", "number", "text", "json", "open", "list"]
"""A value's kind. ``switch`` has a form ``--no-…``; ``set`` is on where it is written, and has no other form; ``open``
is JSON or a text."""

Release = Literal["0.30.0", "0.31.0", "0.32.0"]
"""Releases that the runtime starts, the newest last. There are lists of older ones, for other engines' sake."""

RELEASES: tuple[Release, ...] = get_args(Release)
NEWEST = RELEASES[-1]
_OFF = frozenset({"false", "0", "no", "off"})
_ON = frozenset({"", "true", "1", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag by its name with dashes, the kind of its value, and the values that it takes; empty for any."""

    name: str
    kind: Kind
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class FlagList:
    """The flags of one release, by name and by alias."""

    release: str
    flags: Mapping[str, Flag]

    def find(self, name: str) -> Flag | None:
        """Return the flag that the engine takes for ``name``; of ``a.b`` the JSON flag ``a``; None for none."""
        spelled = spelling(name)
        head, _, key = spelled.partition(".")
        flag = self.flags.get(head)
        if key:
            return flag if flag is not None and flag.kind in ("json", "open") else None
        return flag

    def problem(self, name: str, value: Any) -> Problem | None:
        """Return what is wrong with a line ``name: value`` of a config, with ``name`` as its path; None for nothing."""
        flag = self.find(name)
        if flag is None:
            hint = did_you_mean(spelling(name), self.flags) if _is_near(name, self.flags) else "see `vllm serve --help`"
            return Problem(name, f"vLLM {self.release} has no flag --{spelling(name)}", hint, reason="UnknownFlag")
        return None if "." in name else _value_problem(flag, name, value)


def spelling(name: str) -> str:
    """Return a flag's name as the engine's parser compares it: dashes, none in front; after a dot as it is written."""
    head, dot, key = name.strip().lstrip("-").partition(".")
    return f"{head.replace('_', '-')}{dot}{key}"


def arguments(flag: Flag, name: str, value: Any) -> tuple[str, ...]:
    """Return a line ``name: value`` of a config as arguments; one that turns off as the engine writes it."""
    text = text_of(value)
    if flag.kind == "set":
        return () if text.lower() in _OFF else (f"--{name}",)
    if flag.kind == "switch":
        return (f"--no-{name}",) if text.lower() in _OFF else (f"--{name}",)
    if flag.kind == "list":
        return (f"--{name}", *text.split())
    return (f"--{name}={text}",)


def text_of(value: Any) -> str:
    """Return a scalar of YAML as the engine's parser reads it; empty for none."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value).strip()


@cache
def flags_of(release: str) -> FlagList:
    """Return the list of ``release``."""
    path = files("llmwright_runtime_vllm").joinpath("releases", f"{release}.json")
    content = json.loads(path.read_text(encoding="utf-8"))
    flags: dict[str, Flag] = {}
    for name, facts in content["flags"].items():
        flag = Flag(name, facts["kind"], tuple(facts.get("choices", ())))
        flags |= dict.fromkeys((name, *facts.get("aliases", ())), flag)
    return FlagList(release, MappingProxyType(flags))


def _is_near(name: str, known: Mapping[str, Flag]) -> bool:
    return nearest(spelling(name), known) is not None


def _is_whole(text: str) -> bool:
    return re.fullmatch(r"[+-]?\d+([.]\d+)?[kKmMgGtT]|[+-]?\d+", text) is not None


def _is_number(text: str) -> bool:
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _is_json(text: str) -> bool:
    try:
        read_json(text)
    except Unreadable:
        return False
    return True


_KINDS: Mapping[str, tuple[Callable[[str], bool], str]] = {
    "whole": (_is_whole, "a whole number"),
    "number": (_is_number, "a number"),
    "json": (_is_json, "JSON in quotes"),
}


def _value_problem(flag: Flag, name: str, value: Any) -> Problem | None:
    text = text_of(value)
    if flag.kind in ("switch", "set"):
        wanted = "" if text.lower() in _ON | _OFF else "true or false"
    elif flag.choices and flag.kind != "list":
        wanted = "" if text in flag.choices else f"one of {', '.join(flag.choices)}"
    else:
        holds, words = _KINDS.get(flag.kind, (lambda _: True, ""))
        wanted = "" if holds(text) else words
    if not wanted:
        return None
    return Problem(name, f"is {text!r}, which --{flag.name} does not take", f"write {wanted}", reason="BadFlagValue")
