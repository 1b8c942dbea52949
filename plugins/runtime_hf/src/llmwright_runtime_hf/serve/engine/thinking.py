"""Reasoning before an answer, between marks such as ``<think>`` and ``</think>``: a table of formats, and their reader.

What is shown of each is as in vLLM 0.32, by the names of its parsers (``vllm/reasoning/``, ``vllm/parser/``). Of its
two ways, whole and streamed, ours is the one that looks at the prompt, as its streamed one does: a template may have
opened the reasoning there, or closed it. A mark that is one token is known by its id; a tokenizer without such a token
writes the mark as text, and there it is sought.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llmwright_runtime_hf.serve.engine.answer_parts import Decode, Follows, Piece
from llmwright_runtime_hf.serve.engine.interface import CONTENT, REASONING
from llmwright_runtime_hf.serve.engine.stop_strings import StopStrings

SWITCH = "enable_thinking"
EFFORT = "reasoning_effort"
"""Variables of chat templates. The effort ``none`` switches reasoning off."""
_TAIL = 24
"""Tokens at the end of a prompt that hold a mark which is text."""


@dataclass(frozen=True, slots=True)
class ThinkFormat:
    """Reasoning stands between one of ``begin`` and one of ``end``. ``calls`` begins calls of tools, and ends it too.

    ``opened``: an answer begins within its reasoning. ``reopens``: there may be more of it later. ``stripped``: blanks
    at its end are left out. ``label`` stands at its beginning and is left out. ``phrases``: the marks are words that
    may stand in any text, and mean something in their place alone. ``kept``: it stays in the content, with its marks.
    ``switches`` are the variables of chat templates that say whether the model thinks, ``default`` what holds without.
    """

    begin: tuple[str, ...] = ("<think>",)
    end: tuple[str, ...] = ("</think>",)
    calls: str = ""
    opened: bool = True
    reopens: bool = False
    stripped: bool = False
    label: str = ""
    phrases: bool = False
    kept: bool = False
    switches: tuple[str, ...] = ()
    default: bool = True

    @property
    def marks(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.begin, *self.end, *([self.calls] if self.calls else []))

    def is_on(self, variables: Mapping[str, object]) -> bool:
        """Whether the model thinks, with these variables of its chat template."""
        said = [bool(variables[name]) for name in self.switches if variables.get(name) is not None]
        if self.switches and variables.get(EFFORT) == "none":
            return False
        return any(said) if said else self.default


_EITHER = ("thinking", SWITCH)
_OFF = ThinkFormat(begin=(), end=(), opened=False)

FORMATS = {
    "deepseek_r1": ThinkFormat(),
    "deepseek_v3": ThinkFormat(switches=_EITHER, default=False),
    "deepseek_v4": ThinkFormat(
        calls="<｜DSML｜tool_calls>",  # noqa: RUF001 - DeepSeek's own letters
        reopens=True,
        stripped=True,
        switches=_EITHER,
    ),
    "gemma4": ThinkFormat(
        begin=("<|channel>",),
        end=("<channel|>",),
        calls="<|tool_call>",
        opened=False,
        reopens=True,
        stripped=True,
        label="thought\n",
    ),
    "glm45": ThinkFormat(calls="<tool_call>", reopens=True, stripped=True, switches=_EITHER),
    "granite": ThinkFormat(
        begin=("Here is my thought process:", "Here's my thought process:"),
        end=("Here is my response:", "Here's my response:"),
        opened=False,
        phrases=True,
    ),
    "kimi_k2": ThinkFormat(calls="<|tool_calls_section_begin|>", stripped=True, switches=_EITHER),
    "minimax_m2": ThinkFormat(calls="<minimax:tool_call>", stripped=True),
    "minimax_m2_append_think": ThinkFormat(kept=True),
    "mistral": ThinkFormat(
        begin=("[THINK]",), end=("[/THINK]",), calls="[TOOL_CALLS]", opened=False, reopens=True, stripped=True
    ),
    "nemotron_v3": ThinkFormat(calls="<tool_call>", stripped=True, switches=(SWITCH,)),
    "qwen3": ThinkFormat(calls="<tool_call>", switches=(SWITCH,)),
}
"""The formats, by vLLM's names of their parsers."""


@dataclass(frozen=True, slots=True)
class ThinkTokens:
    """The marks of ``form`` that are tokens, by their ids, and those that are ``spelled`` as text.

    ``bounds`` are tokens that end a look back into the prompt: what lies before them is of another turn.
    """

    form: ThinkFormat
    marks: Mapping[int, str]
    spelled: tuple[str, ...] = ()
    bounds: frozenset[int] = frozenset()

    @classmethod
    def of(cls, form: ThinkFormat, find: Callable[[str], int | None], bounds: frozenset[int]) -> ThinkTokens:
        """Return the marks; ``find`` has the id of each that is one token."""
        found = {mark: find(mark) for mark in form.marks}
        tokens = {token: mark for mark, token in found.items() if token is not None}
        spelled = tuple(mark for mark, token in found.items() if token is None)
        return cls(form, tokens, spelled, bounds.difference(tokens))

    @property
    def keeps_reasoning(self) -> bool:
        """Whether reasoning stays in the content, with its marks."""
        return self.form.kept

    def under(self, variables: Mapping[str, object]) -> ThinkTokens:
        """Return what holds with these variables of the chat template: without thinking all text is content."""
        return self if self.form.is_on(variables) else ThinkTokens(_OFF, {})

    def after(self, prompt: Sequence[int], decode: Decode) -> Thinking:
        """Return the state in which ``prompt`` leaves the answer."""
        left = self._left_thinking(prompt, decode)
        thinking = self.form.opened if left is None else left
        return Thinking(self.form, thinking=thinking, decided=left is not None, spelled=self.spelled)

    def _left_thinking(self, prompt: Sequence[int], decode: Decode) -> bool | None:
        """Return whether the prompt ends within reasoning; None where it does not say."""
        for token in reversed(prompt):
            mark = self.marks.get(token)
            if mark in self.form.begin or mark in self.form.end:
                return mark in self.form.begin
            if mark is not None or token in self.bounds:
                break
        if self.form.phrases or not self.spelled:
            return None
        tail = decode([*prompt[-_TAIL:]]).rstrip()
        opened = any(tail.endswith(mark) for mark in self.form.begin if mark in self.spelled)
        return opened if opened or any(tail.endswith(mark) for mark in self.form.end if mark in self.spelled) else None


class Thinking:
    """Tell reasoning and content of one answer apart. ``decided``: the prompt said whether it begins with reasoning."""

    def __init__(
        self, form: ThinkFormat, *, thinking: bool, decided: bool = False, spelled: tuple[str, ...] = ()
    ) -> None:
        self._form = form
        self._thinking = thinking
        self._fresh = not (thinking or decided)
        """Whether reasoning may still be the first thing of the answer, and is not there yet."""
        self._label = form.label
        self._held = form.begin[0] if form.kept and thinking else ""
        """The end of the reasoning, where it may be left out."""
        self._spelled = spelled
        self._finder = StopStrings(spelled)

    @property
    def in_content(self) -> bool:
        """Whether text that comes now is content."""
        return not self._thinking

    @property
    def in_reasoning(self) -> bool:
        """Whether text that comes now is reasoning, apart from the content."""
        return self._thinking and not self._form.kept

    @property
    def follows(self) -> Follows:
        """Reasoning is free, but for calls of tools, which end it and are content."""
        form = self._form
        if self._thinking:
            return Follows("any", {form.calls: None} if form.calls else {})
        return Follows("shape", {**dict.fromkeys(form.begin, self._fresh), **dict.fromkeys(form.end, False)})

    def mark(self, mark: str) -> list[Piece]:
        """Return what is final with a mark. One in a place where it means nothing is left out, as vLLM does."""
        form = self._form
        if self._thinking:
            if mark in form.end:
                return self._end(mark)
            if mark == form.calls:
                return [*self._end(), *self._show(mark)]
            return self._show(mark) if form.phrases else []
        if mark in form.begin and (form.reopens or self._fresh):
            self._thinking, self._fresh, self._label = True, False, form.label
            return []
        return [] if mark in form.end and not form.phrases else self._show(mark)

    def text(self, text: str) -> list[Piece]:
        """Return what is final with a text."""
        pieces, rest = list[Piece](), text
        while True:
            if not self._seeks:
                return [*pieces, *self._show(self._finder.finish() + rest)]
            ready, found = self._finder.push(rest)
            pieces += self._show(ready)
            if not found:
                return pieces
            mark, rest = self._finder.found, self._finder.after
            self._finder = StopStrings(self._spelled)
            pieces += self.mark(mark)

    def finish(self, *, cut: bool) -> list[Piece]:
        """Return the rest, when nothing follows."""
        rest = self._show(self._finder.finish())
        held, self._held = self._held if self._form.kept else "", ""
        return [*rest, *([(REASONING, held)] if held else [])]

    @property
    def _seeks(self) -> bool:
        """Whether a text may hold a mark."""
        return bool(self._spelled) and (self._thinking or self._fresh or not self._form.phrases)

    def _end(self, mark: str = "") -> list[Piece]:
        shown = self._held + mark if self._form.kept else ""
        self._thinking, self._held = False, ""
        return [(REASONING, shown)] if shown else []

    def _show(self, text: str) -> list[Piece]:
        if not text:
            return []
        if self._thinking:
            return self._thought(text)
        self._fresh = False
        return [(CONTENT, text)]

    def _thought(self, text: str) -> list[Piece]:
        text, self._held = self._held + text, ""
        if self._label.startswith(text):
            self._held = text
            return []
        text = text.removeprefix(self._label)
        self._label = ""
        if self._form.stripped:
            kept = text.rstrip()
            text, self._held = kept, text[len(kept) :]
        return [(REASONING, text)] if text else []
