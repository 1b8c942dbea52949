"""Label selectors as kubectl takes them: ``app=phi,tier!=test``, ``app in (a, b)``, ``app``, ``!app``."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping

from llmwright.errors import ConfigError

Matches = Callable[[Mapping[str, str]], bool]

_KEY = r"[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?"
_VALUE = r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?)?"
_EQUALS = re.compile(rf"({_KEY})\s*(==|=|!=)\s*({_VALUE})")
_AMONG = re.compile(rf"({_KEY})\s+(in|notin)\s*\(([^()]*)\)")
_EXISTS = re.compile(rf"(!?)\s*({_KEY})")


def label_selector(text: str) -> Matches:
    """Return whether labels match ``text``; an empty one matches all.

    Raises:
        ConfigError: it is no selector.
    """
    rules = [_rule(part) for part in _parts(text)]
    return lambda labels: all(rule(labels) for rule in rules)


def _parts(text: str) -> Iterator[str]:
    for part in re.split(r",(?![^(]*\))", text):
        if part.strip():
            yield part.strip()


def _rule(part: str) -> Matches:
    if found := _EQUALS.fullmatch(part):
        key, operator, value = found.groups()
        return (
            (lambda labels: labels.get(key) != value) if operator == "!=" else lambda labels: labels.get(key) == value
        )
    if found := _AMONG.fullmatch(part):
        key, operator, listed = found.groups()
        values = {value.strip() for value in listed.split(",")}
        return lambda labels: (labels.get(key) in values) == (operator == "in")
    if found := _EXISTS.fullmatch(part):
        absent, key = bool(found[1]), found[2]
        return lambda labels: (key in labels) != absent
    hint = "write app=phi, app!=phi, app in (a, b), app or !app, with commas between them"
    raise ConfigError(f"{part!r} is no selector of labels", hint=hint)
