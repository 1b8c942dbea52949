"""Answers with calls of tools, as models of each family write them, and the calls that they hold.

vLLM's own parsers are asked for the same texts (``tests/conformance/test_tool_parsers.py``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

PARAMETERS: dict[str, Any] = {
    "type": "object",
    "properties": {
        "place": {"type": "string"},
        "days": {"type": "integer"},
        "wind": {"type": "boolean"},
        "above": {"type": "number"},
        "tags": {"type": "array", "items": {"type": "string"}},
        "where": {"type": "object", "properties": {"lat": {"type": "number"}, "name": {"type": "string"}}},
        "unit": {"enum": ["C", "F"]},
        "until": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["place"],
}
TOOLS: list[Any] = [
    {"type": "function", "function": {"name": "weather", "description": "The weather", "parameters": PARAMETERS}},
    {"type": "function", "function": {"name": "now", "parameters": {"type": "object", "properties": {}}}},
]
ALL: dict[str, Any] = {
    "place": "Oslo <b>\nCity",
    "days": 2,
    "wind": True,
    "above": 1.5,
    "tags": ["a", "b"],
    "where": {"lat": 59.9, "name": "x"},
    "unit": "C",
}
SHORT: dict[str, Any] = {"place": "12", "days": 3}


@dataclass(frozen=True, slots=True)
class Answer:
    """``text`` is read by ``parser``. ``calls`` are names and arguments, ``content`` is the text beside them."""

    parser: str
    text: str
    calls: tuple[tuple[str, dict[str, Any]], ...]
    content: str = ""


def _qwen(place: str) -> str:
    return (
        f"<tool_call>\n<function=weather>\n<parameter=place>\n{place}\n</parameter>\n<parameter=days>\n2\n</parameter>\n"
        "<parameter=wind>\ntrue\n</parameter>\n<parameter=above>\n1.5\n</parameter>\n"
        '<parameter=tags>\n["a", "b"]\n</parameter>\n<parameter=where>\n{"lat": 59.9, "name": "x"}\n</parameter>\n'
        "<parameter=unit>\nC\n</parameter>\n</function>\n</tool_call>"
    )


def _glm(name: str, **values: str) -> str:
    given = "".join(f"<arg_key>{key}</arg_key><arg_value>{value}</arg_value>" for key, value in values.items())
    return f"<tool_call>{name}{given}</tool_call>"


def _minimax(name: str, **values: str) -> str:
    given = "".join(f'<parameter name="{key}">{value}</parameter>\n' for key, value in values.items())
    return f'<invoke name="{name}">\n{given}</invoke>\n'


def _dsml(section: str) -> str:
    mark = "｜DSML｜"  # noqa: RUF001
    given = (("place", "true", ALL["place"]), ("days", "false", "2"), ("tags", "false", '["a", "b"]'))
    parts = "".join(f'<{mark}parameter name="{key}" string="{s}">{v}</{mark}parameter>\n' for key, s, v in given)
    calls = f'<{mark}invoke name="weather">\n{parts}</{mark}invoke>\n<{mark}invoke name="now">\n</{mark}invoke>\n'
    return f"Hm.<{mark}{section}>\n{calls}</{mark}{section}>"


_TEXTS = {
    "days": "2",
    "wind": "true",
    "above": "1.5",
    "tags": '["a", "b"]',
    "where": '{"lat": 59.9, "name": "x"}',
    "unit": "C",
}
_DSML_CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("weather", {key: ALL[key] for key in ("place", "days", "tags")}),
    ("now", {}),
)
_BEGIN, _END = "<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"  # noqa: RUF001
_CALL, _SEP, _OVER = "<｜tool▁call▁begin｜>function", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"  # noqa: RUF001
_GEMMA = (
    'call:weather{place:<|"|>Oslo {a, b}<|"|>,days:2,wind:true,above:1.5,tags:[<|"|>a<|"|>,<|"|>b<|"|>],'
    'where:{lat:59.9,name:<|"|>x<|"|>},unit:<|"|>C<|"|>}'
)

ANSWERS = (
    Answer("qwen3_coder", f"Hm.\n{_qwen(ALL['place'])}", (("weather", ALL),), "Hm."),
    Answer(
        "qwen3_coder",
        f"{_qwen('x')}\n{_qwen(' y ')}",
        (("weather", ALL | {"place": "x"}), ("weather", ALL | {"place": " y "})),
    ),
    Answer("qwen3_coder", "<tool_call>\n<function=now>\n</function>\n</tool_call>", (("now", {}),)),
    Answer(
        "qwen3_coder",
        "<tool_call>\n<function=weather>\n<parameter=place>\n12\n<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>",
        (("weather", SHORT),),
    ),
    Answer(
        "qwen3_coder",
        "<tool_call>\n<function=weather>\n<parameter=place>\na\n</parameter>\n<parameter=until>\nnull\n</parameter>\n</function>\n</tool_call>",
        (("weather", {"place": "a", "until": None}),),
    ),
    Answer("glm47", f"Hm.{_glm('weather', place='Oslo', **_TEXTS)}", (("weather", ALL | {"place": "Oslo"}),), "Hm."),
    Answer("glm47", _glm("weather", place="12", days="3") + _glm("now"), (("weather", SHORT), ("now", {}))),
    Answer(
        "minimax_m2",
        f"Hm.<minimax:tool_call>\n{_minimax('weather', place='Oslo', **_TEXTS)}{_minimax('now')}</minimax:tool_call>",
        (("weather", ALL | {"place": "Oslo"}), ("now", {})),
        "Hm.",
    ),
    Answer("deepseek_v32", _dsml("function_calls"), _DSML_CALLS, "Hm."),
    Answer("deepseek_v4", _dsml("tool_calls"), _DSML_CALLS, "Hm."),
    Answer(
        "deepseek_v3",
        f'Hm.{_BEGIN}{_CALL}{_SEP}weather\n```json\n{{"place": "12", "days": 3}}\n```{_OVER}\n'
        f"{_CALL}{_SEP}now\n```json\n{{}}\n```{_OVER}{_END}",
        (("weather", SHORT), ("now", {})),
        "Hm.",
    ),
    Answer(
        "kimi_k2",
        "Hm.<|tool_calls_section_begin|><|tool_call_begin|>functions.weather:0<|tool_call_argument_begin|>"
        '{"place": "12", "days": 3}<|tool_call_end|>'
        "<|tool_call_begin|>functions.now:1<|tool_call_argument_begin|>{}<|tool_call_end|>"
        "<|tool_calls_section_end|>",
        (("weather", SHORT), ("now", {})),
        "Hm.",
    ),
    Answer("gemma4", f"Hm.<|tool_call>{_GEMMA}<tool_call|>", (("weather", ALL | {"place": "Oslo {a, b}"}),), "Hm."),
    Answer("gemma4", "<|tool_call>call:now{}<tool_call|>", (("now", {}),)),
    Answer(
        "functiongemma",
        "<start_function_call>call:weather{place:<escape>Oslo<escape>,unit:<escape>C<escape>}<end_function_call>"
        "<start_function_call>call:now{}<end_function_call>",
        (("weather", {"place": "Oslo", "unit": "C"}), ("now", {})),
    ),
    Answer(
        "granite4",
        '<tool_call>{"name": "weather", "arguments": {"place": "12", "days": 3}}</tool_call>',
        (("weather", SHORT),),
    ),
)
