"""Mutants of real documents: changed values, keys and shapes, and now and then the text itself."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from typing import Any

import yaml

Parts = list[str | int]

STRANGE: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1, 2**31, 2**53, 2**63, 10**40, 0.5, -1e308, 1e308, [], {}, [[]], [None], {"": None}),
    *(
        "",
        " ",
        "\0",
        "a\0b",
        "[/x]",
        "[bold]",
        "{{1}}$(volume.x)",
        "$(python)",
        '["\\q"]',
        "a.b[0]",
        "~",
        "~nosuchuser/x",
    ),
    *("http://[", "http://[::1]/", "file:///%00", "file://", "hf://", "oci://", "../x", "/", ".", "x" * 300, "é\u2028"),
    *(
        "2001-13-45",
        ".e1",
        "1e999",
        "-0",
        "0x",
        "no",
        "<<",
        "*a",
        "&a",
        "!!float x",
        "9" * 400,
        "\U0001f600",
        "%",
        "{}",
    ),
    *("auto", "inf", "nan", "1Ei", "-1Gi", "8.0", "demo", "phi-4", "qlora", "hf", "vllm", "karpenter", "byo", "local"),
    *(
        "kaito.sh/v1beta1",
        "Workspace",
        "bitsandbytes",
        "sha256:" + "0" * 64,
        "application/json",
        "registry.example/a:1",
    ),
)
TEXTS = (
    "\0",
    "\t",
    "[",
    "{",
    "}",
    "&a [*a]",
    ": ",
    "- ",
    "!!",
    "\ud7ff",
    "\ufeff",
    "'",
    '"',
    "%",
    "#",
    "<<: ",
    "\r",
    "---\n",
)


def mutant(text: str, dice: random.Random) -> str:
    """Return a mutant of ``text``, a YAML or JSON document."""
    data = yaml.safe_load(text)
    for _ in range(dice.choice((1, 1, 1, 2, 3, 6))):
        data = _changed(data, dice)
    written = json.dumps(data, ensure_ascii=dice.random() < 0.1, default=str)
    return _torn(written, dice) if dice.random() < 0.15 else written


def _changed(data: Any, dice: random.Random) -> Any:
    data = deepcopy(data)
    places = list(_places(data))
    if not places or dice.random() < 0.01:
        return dice.choice(STRANGE)
    holder, key = dice.choice(places)
    action = dice.random()
    if action < 0.1 and isinstance(holder[key], str):
        holder[key] = _torn(holder[key], dice)
    elif action < 0.5:
        holder[key] = deepcopy(dice.choice(STRANGE))
    elif action < 0.6:
        del holder[key]
    elif action < 0.7:
        holder[key] = [holder[key]] if dice.random() < 0.5 else {"a": holder[key]}
    elif action < 0.8:
        other, at = dice.choice(places)
        holder[key] = deepcopy(other[at]) if at in (other if isinstance(other, dict) else range(len(other))) else None
    elif isinstance(holder, dict):
        name = str(dice.choice(STRANGE)) if dice.random() < 0.7 else key + dice.choice("sX_-")
        holder[name] = holder[key]
        if dice.random() < 0.5:
            del holder[key]
    else:
        holder += deepcopy(holder) * dice.choice((1, 3))
    return data


def _places(data: Any) -> list[tuple[Any, Any]]:
    """Return each place below ``data``: its holder, and its key or index."""
    found, open_ = [], [data]
    while open_:
        holder = open_.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder)) if isinstance(holder, list) else ()
        for key in keys:
            found.append((holder, key))
            open_.append(holder[key])
    return found


def _torn(text: str, dice: random.Random) -> str:
    at = dice.randrange(len(text) + 1)
    action = dice.randrange(4)
    if action == 0:
        return text[:at]
    if action == 1:
        return text[:at] + dice.choice(TEXTS) * dice.choice((1, 1, 2, 200)) + text[at:]
    end = min(len(text), at + dice.randrange(1, 40))
    return text[:at] + text[end:] if action == 2 else text[:end] + text[at:]
