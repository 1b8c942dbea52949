"""How each family of models writes its calls, by vLLM's names for the parsers."""

from __future__ import annotations

import re
from dataclasses import dataclass

from llmwright_runtime_hf.serve.http.calls.braced_calls import BracedCalls
from llmwright_runtime_hf.serve.http.calls.json_calls import JsonCalls, NamedJsonCalls
from llmwright_runtime_hf.serve.http.calls.tagged_calls import TaggedCalls

_NAME = r"(?P<name>[\w.-]{1,64}+)"


@dataclass(frozen=True, slots=True)
class CallFormat:
    """Calls stand between ``begin`` and ``end``; without ``end`` up to the end of the answer.

    ``bare``: an answer that is JSON is a call too. ``glue`` stands between calls. ``inside``: they share one pair of
    ``begin`` and ``end``. ``room`` stands after ``begin`` and before ``end``.
    """

    begin: str
    calls: JsonCalls | NamedJsonCalls | TaggedCalls | BracedCalls
    end: str = ""
    bare: bool = False
    glue: str = ""
    inside: bool = False
    room: str = ""
    further_marks: tuple[str, ...] = ()
    """Texts within that some tokenizers have as special tokens."""
    stops: tuple[str, ...] = ()
    """Texts in the place of the tool's answer: the model's own ends before them."""

    @property
    def marks(self) -> tuple[str, ...]:
        """All texts that may be a special token of the model."""
        return (self.begin, *([self.end] if self.end else []), *self.further_marks)


def _dsml(section: str) -> CallFormat:
    """Return the form of DeepSeek V3.2 and V4, which differ in the name of the section."""
    mark = "｜DSML｜"  # noqa: RUF001 - DeepSeek's own letters
    return CallFormat(
        f"<{mark}{section}>",
        TaggedCalls(
            head=re.compile(rf'<{mark}invoke name="{_NAME}">'),
            argument=re.compile(rf'<{mark}parameter name="(?P<key>[^"]++)"(?: string="(?P<plain>\w++)")?+\s*+>'),
            value_end=f"</{mark}parameter>",
            tail=re.compile(rf"</{mark}invoke>"),
            written_head=f'<{mark}invoke name="{{name}}">\n',
            written_argument=f'<{mark}parameter name="{{key}}" string="{{plain}}">',
            written_value_end=f"</{mark}parameter>\n",
            written_tail=f"</{mark}invoke>",
        ),
        end=f"</{mark}{section}>",
        glue="\n",
        inside=True,
        room="\n",
        further_marks=(mark,),
    )


_QWEN3_CODER = TaggedCalls(
    head=re.compile(rf"<function={_NAME}>"),
    argument=re.compile(r"<parameter=(?P<key>[^>\n]++)>"),
    value_end="</parameter>",
    tail=re.compile(r"</function>"),
    written_head="<function={name}>\n",
    written_argument="<parameter={key}>\n",
    written_value_end="\n</parameter>\n",
    written_tail="</function>",
    lines=True,
)
_GLM47 = TaggedCalls(
    head=re.compile(rf"{_NAME}"),
    argument=re.compile(r"<arg_key>(?P<key>[^<]++)</arg_key>\s*+<arg_value>"),
    value_end="</arg_value>",
    tail=re.compile(r"\Z"),
    written_head="{name}",
    written_argument="<arg_key>{key}</arg_key><arg_value>",
    written_value_end="</arg_value>",
)
_MINIMAX_M2 = TaggedCalls(
    head=re.compile(rf"""<invoke name=["']?+{_NAME}["']?+>"""),
    argument=re.compile(r"""<parameter name=["']?+(?P<key>[^"'>]++)["']?+>"""),
    value_end="</parameter>",
    tail=re.compile(r"</invoke>"),
    written_head='<invoke name="{name}">\n',
    written_argument='<parameter name="{key}">',
    written_value_end="</parameter>\n",
    written_tail="</invoke>",
)
_DEEPSEEK_V3 = NamedJsonCalls(
    re.compile(rf"<｜tool▁call▁begin｜>\w*+<｜tool▁sep｜>{_NAME}\s*+```json\s*+"),  # noqa: RUF001
    "<｜tool▁call▁begin｜>function<｜tool▁sep｜>{name}\n```json\n",  # noqa: RUF001
    "\n```<｜tool▁call▁end｜>",  # noqa: RUF001
)
_KIMI_K2 = NamedJsonCalls(
    re.compile(rf"<\|tool_call_begin\|>\s*+(?P<id>(?:functions\.)?+{_NAME}:\d++)\s*+<\|tool_call_argument_begin\|>"),
    "<|tool_call_begin|>functions.{name}:0<|tool_call_argument_begin|>",
    "<|tool_call_end|>",
)

FORMATS = {
    "hermes": CallFormat("<tool_call>", JsonCalls(), end="</tool_call>", glue="\n", room="\n"),
    "granite4": CallFormat("<tool_call>", JsonCalls(), end="</tool_call>", glue="\n", room="\n"),
    "llama3_json": CallFormat("<|python_tag|>", JsonCalls("parameters"), bare=True, glue="; "),
    "mistral": CallFormat("[TOOL_CALLS]", JsonCalls(), glue=", "),
    "qwen3_coder": CallFormat("<tool_call>", _QWEN3_CODER, end="</tool_call>", glue="\n", room="\n"),
    "glm47": CallFormat(
        "<tool_call>",
        _GLM47,
        end="</tool_call>",
        further_marks=("<arg_key>", "</arg_key>", "<arg_value>", "</arg_value>"),
    ),
    "minimax_m2": CallFormat(
        "<minimax:tool_call>", _MINIMAX_M2, end="</minimax:tool_call>", glue="\n", inside=True, room="\n"
    ),
    "deepseek_v32": _dsml("function_calls"),
    "deepseek_v4": _dsml("tool_calls"),
    "deepseek_v3": CallFormat(
        "<｜tool▁calls▁begin｜>",  # noqa: RUF001
        _DEEPSEEK_V3,
        end="<｜tool▁calls▁end｜>",  # noqa: RUF001
        glue="\n",
        inside=True,
        further_marks=("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>", "<｜tool▁call▁end｜>"),  # noqa: RUF001
    ),
    "kimi_k2": CallFormat(
        "<|tool_calls_section_begin|>",
        _KIMI_K2,
        end="<|tool_calls_section_end|>",
        inside=True,
        further_marks=("<|tool_call_begin|>", "<|tool_call_argument_begin|>", "<|tool_call_end|>"),
    ),
    "gemma4": CallFormat(
        "<|tool_call>",
        BracedCalls('<|"|>'),
        end="<tool_call|>",
        further_marks=('<|"|>',),
        stops=("<|tool_response>",),
    ),
    "functiongemma": CallFormat(
        "<start_function_call>",
        BracedCalls("<escape>"),
        end="<end_function_call>",
        further_marks=("<escape>",),
        stops=("<start_function_response>",),
    ),
}
"""The formats whose calls stand in the text, by vLLM's names of their parsers."""
