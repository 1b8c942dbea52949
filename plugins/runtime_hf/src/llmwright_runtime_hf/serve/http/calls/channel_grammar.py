"""The grammar of an answer that has to be a call in OpenAI's Harmony format: reasoning if the model likes, then a call.

The call ends the model's turn, so there is one. A special token stands in a grammar by its id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from llmwright_runtime_hf.serve.engine.channels import CHANNEL, CONSTRAIN, END, MESSAGE, START
from llmwright_runtime_hf.serve.engine.guides import GuideSource

_BLANKS = {"whitespace_pattern": "[ \\n]{1,16}"}
_Special = Callable[[str], int | None]


def channel_grammar(tools: Mapping[str, Mapping[str, Any]], special: _Special) -> GuideSource:
    """Return the grammar of a call of one of ``tools``, which are the schemas of their arguments by name."""
    calls = {f"call_{index}": _call(name, tools[name], special) for index, name in enumerate(tools)}
    begin, end = _line([CHANNEL, "analysis", MESSAGE], special), _line([END, START, "assistant"], special)
    rules = {
        "start": f"reasoning? ({' | '.join(calls)})",
        "reasoning": f"{begin} thought {end}",
        # No text of a grammar matches a special token, so the reasoning ends at the mark.
        "thought": r"/(.|\n)*/",
        **calls,
    }
    return GuideSource("lark", "\n".join(f"{name}: {rule}" for name, rule in rules.items()))


def _call(name: str, schema: Mapping[str, Any], special: _Special) -> str:
    kind = [] if special(CONSTRAIN) is None else [CONSTRAIN]
    head = _line([CHANNEL, f"commentary to=functions.{name} ", *kind, "json", MESSAGE], special)
    return f"{head} %json {json.dumps({**schema, 'x-guidance': _BLANKS})}"


def _line(parts: Sequence[str], special: _Special) -> str:
    tokens = [(part, special(part)) for part in parts]
    return " ".join(json.dumps(part, ensure_ascii=False) if token is None else f"<[{token}]>" for part, token in tokens)
