"""Answers of several messages, in OpenAI's Harmony format (gpt-oss): what the user sees, reasoning, calls of tools.

A message is a header, ``<|message|>``, and its text up to the next mark. The header names the channel, and the function
that a call is for. Marks are known by their ids: a text that only spells one stays text, also where a model repeats
what somebody wrote into its prompt.

The format is described in OpenAI's cookbook ("OpenAI harmony response format"). What is shown of it is as in vLLM 0.32
(``vllm/parser/harmony.py``): the channels ``final`` and, where it is for nobody, ``commentary`` are content,
``analysis`` is reasoning.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llmwright_runtime_hf.serve.engine.answer_parts import Decode, Follows, Piece
from llmwright_runtime_hf.serve.engine.interface import CONTENT, REASONING, Part

START, CHANNEL, CONSTRAIN, MESSAGE = "<|start|>", "<|channel|>", "<|constrain|>", "<|message|>"
END, RETURN, CALL = "<|end|>", "<|return|>", "<|call|>"
MARKS = (START, CHANNEL, CONSTRAIN, MESSAGE, END, RETURN, CALL)
_NEEDED = frozenset({START, CHANNEL, MESSAGE, END})
_TURN_ENDS = frozenset({RETURN, CALL})
_MESSAGE_ENDS = frozenset({END, *_TURN_ENDS})
_CHANNEL = re.compile(r"<\|channel\|>\s*(\w+)")
_RECIPIENT = re.compile(r"(?:^|\s)to=([^\s<]+)")
_ROLE = ("", "assistant")
_BUILT_IN = frozenset({"assistant", "python", "browser", "container", "functions"})
"""First words of recipients that are no function of the request: tools that the model was trained with."""


@dataclass(frozen=True, slots=True)
class ChannelTokens:
    """The marks of a tokenizer, by their ids; none where it has not all that the format needs."""

    marks: Mapping[int, str]

    @classmethod
    def of(cls, find: Callable[[str], int | None]) -> ChannelTokens:
        """Return those that ``find`` has the ids of."""
        found = {mark: find(mark) for mark in MARKS}
        known = {token: mark for mark, token in found.items() if token is not None}
        return cls(known if {*known.values()} >= _NEEDED else {})

    @property
    def keeps_reasoning(self) -> bool:
        """Reasoning is no content."""
        return False

    @property
    def turn_ends(self) -> frozenset[int]:
        """The tokens at which the model has done: it has answered, or waits for a tool."""
        return frozenset(token for token, mark in self.marks.items() if mark in _TURN_ENDS)

    @property
    def others(self) -> frozenset[int]:
        """The other marks: an answer goes on after them."""
        return frozenset(self.marks) - self.turn_ends

    def id_of(self, mark: str) -> int:
        """Return the id of one that is there."""
        return next(token for token, known in self.marks.items() if known == mark)

    def after(self, prompt: Sequence[int], decode: Decode) -> Channels:
        """Return the state in which ``prompt`` leaves the answer: in a header, or within a message that goes on."""
        channels = Channels()
        if START not in self.marks.values() or self.id_of(START) not in prompt:
            return channels
        start = len(prompt) - 1 - [*reversed(prompt)].index(self.id_of(START))
        words = list[int]()
        for token in prompt[start:]:
            mark = self.marks.get(token)
            if mark is None:
                words.append(token)
                continue
            channels.text(decode(words))
            channels.mark(mark)
            words = []
        channels.text(decode(words))
        channels.begin_answer()
        return channels


class Channels:
    """Tell the parts of one answer apart. Marks and texts come in their order, texts in pieces of any length."""

    def __init__(self) -> None:
        self._part: Part | None = CONTENT
        """Of the message; None for one that nobody sees."""
        self._header: str | None = None
        """The header so far, while in one."""
        self._bare = False
        """Whether the answer has had no mark yet: a text that is no header then is the answer itself."""
        self._parted = False
        """Whether the next text of the message is its first."""
        self._shown: set[str] = set()
        """The kinds of which there has been text."""
        self._calls = 0

    def begin_answer(self) -> None:
        """Forget what the prompt itself has shown."""
        self._bare = self._header is not None and self._header.strip() == "assistant"
        self._header = "" if self._bare else self._header
        self._shown, self._parted, self._calls = set(), False, 0

    @property
    def in_content(self) -> bool:
        """Whether text that comes now is shown as content."""
        return self._header is None and self._part == CONTENT

    @property
    def in_reasoning(self) -> bool:
        """Whether text that comes now is reasoning."""
        return self._header is None and self._part == REASONING

    @property
    def at_first_mark(self) -> bool:
        """Whether the answer stands before its first mark."""
        return self._bare and not self._header

    @property
    def follows(self) -> Follows:
        """The tokens that may come next, where the content has a shape: a text without a header would have any."""
        if self.in_content:
            return Follows("shape")
        return Follows("none", {CHANNEL: True}) if self.at_first_mark else Follows("any")

    def mark(self, mark: str) -> list[Piece]:
        """Return what is final with a mark."""
        if mark in _MESSAGE_ENDS:
            broken = self._broken_header()
            self._header, self._part = None, None
            return broken
        if mark == MESSAGE:
            return self._open(self._header) if self._header is not None else []
        if mark == START:
            self._header, self._bare = "", False
        elif self._header is not None or mark == CHANNEL:
            # Models forget marks: a channel within a message begins the header of another one.
            self._header = (self._header or "") + mark
            self._bare = False
        return []

    def text(self, text: str) -> list[Piece]:
        """Return what is final with a text."""
        if self._header is None:
            return self._show(text)
        self._header += text
        if not self._bare or _begins_recipient(self._header):
            return []
        return self._plain()

    def finish(self, *, cut: bool) -> list[Piece]:
        """Return the rest, when nothing follows. ``cut``: the model had more to say."""
        broken = [] if cut and not self._bare else self._broken_header()
        self._header = None
        return broken

    def _open(self, header: str) -> list[Piece]:
        self._header, self._bare, self._parted = None, False, True
        self._part = _part_of(header, self._calls)
        if self._part is None or self._part.kind != "call":
            return []
        self._calls += 1
        return [(self._part, "")]

    def _plain(self) -> list[Piece]:
        """Return the text of an answer that has no header at all."""
        text, self._header, self._bare, self._part = self._header or "", None, False, CONTENT
        return self._show(text)

    def _broken_header(self) -> list[Piece]:
        """Return what stands in the place of a header and is followed by no message: the answer is not in the format.

        It is shown: who asks sees why there is nothing else.
        """
        if self._header is None or self._header.strip() in _ROLE:
            return []
        self._part, self._parted = CONTENT, True
        return self._show(self._header)

    def _show(self, text: str) -> list[Piece]:
        if self._part is None or not text:
            return []
        # Messages of one kind stand in lines of their own, as vLLM joins them.
        between = "\n" if self._parted and self._part.kind in self._shown and self._part.kind != "call" else ""
        self._parted = False
        self._shown.add(self._part.kind)
        return [(self._part, between + text)]


def _begins_recipient(text: str) -> bool:
    """Whether a header may begin so: only a recipient may stand in it before the first mark."""
    begun = text.lstrip()
    return "to=".startswith(begun[:3])


def _part_of(header: str, calls: int) -> Part | None:
    """Return the part of the answer that the message of ``header`` is; None where nobody is to see it."""
    role = re.split(r"<\||\s", header.lstrip(), maxsplit=1)[0]
    if role not in _ROLE and not role.startswith("to="):
        return None
    channel, recipient = _CHANNEL.search(header), _RECIPIENT.search(header)
    if recipient and (name := _function(recipient[1])):
        return Part("call", name, calls)
    if channel is None:
        return CONTENT if recipient is None else None
    if channel[1] == "analysis":
        return REASONING
    return CONTENT if channel[1] == "final" or (channel[1] == "commentary" and recipient is None) else None


def _function(recipient: str) -> str | None:
    """Return the name of the function that a message is for; None where it is for something else."""
    first, dot, rest = recipient.partition(".")
    if first == "functions" and dot:
        return rest or None
    return None if first in _BUILT_IN else recipient
