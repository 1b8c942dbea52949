"""Command lines, read as a program and its flags."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

SHELLS = frozenset({"/bin/sh", "sh", "/bin/bash"})
PARSED = ("_program", "_flags", "_script")
"""Fields that KAITO's recorded objects have in place of a command: program, flags, and a script's variables."""


def read_command(holder: Mapping[str, Any]) -> dict[str, Any]:
    """Return ``program``, ``flags`` and ``script`` of a container or an exec probe."""
    if "_program" in holder:
        return {"program": holder["_program"], "flags": _unquoted(holder.get("_flags") or {})}
    words = [*holder.get("command", ()), *holder.get("args", ())]
    if not words:
        return {}
    found: dict[str, Any] = {}
    if "_script" in holder:
        facts = {key: value for key, value in holder["_script"].items() if value is not None}
        found |= {"script": facts} if facts else {}
    if words[0] in SHELLS and len(words) == 3 and words[1] == "-c":
        return {**found, **_of_shell(words[2])}
    program, flags = _split(words)
    return {**found, "program": program, **({"flags": flags} if flags else {})}


def _unquoted(flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as the program sees them: the shell removes one pair of quotes."""
    return {name: value if value is None else "".join(shlex.split(value)) for name, value in flags.items()}


def _of_shell(line: str) -> dict[str, Any]:
    if line.startswith("<"):
        return {"program": line}
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&")
    lexer.whitespace_split = True
    program, flags = _split(list(lexer))
    return {"program": program, **({"flags": flags} if flags else {})}


def _split(words: Sequence[str]) -> tuple[str, dict[str, Any]]:
    """Return the words that are no flags, and all flags of the line. A flag that is repeated has several values."""
    program: list[str] = []
    flags: dict[str, list[str]] = {}
    current: list[str] | None = None
    for word in words:
        if word.startswith("--") and len(word) > 2:
            name, equals, value = word[2:].partition("=")
            current = flags.setdefault(name, [])
            if equals:
                current.append(value)
                current = None
        elif current is not None and not set(word) <= set(";&"):
            current.append(word)
        else:
            program.append(word)
            current = None
    return " ".join(program), {name: _value(values) for name, values in flags.items()}


def _value(values: Iterable[str]) -> Any:
    found = list(dict.fromkeys(values))
    return found if len(found) > 1 else found[0] if found else None
