"""The parts of one answer, told apart while its tokens come: reasoning, content, calls of tools.

Two kinds of formats have them: messages with channels (``channels.py``), and reasoning between marks (``thinking.py``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from llmwright_runtime_hf.serve.engine.interface import Part

Piece = tuple[Part, str]
"""A text, and the part of the answer that it belongs to. A call begins with an empty one."""
Decode = Callable[[list[int]], str]


@dataclass(frozen=True, slots=True)
class Follows:
    """The tokens that may come next in an answer whose content has a shape.

    ``tokens``: any, those of the shape, or none. ``marks`` are the exceptions among the marks: whether each may come,
    and None where it may if the shape has it.
    """

    tokens: Literal["any", "shape", "none"]
    marks: Mapping[str, bool | None] = field(default_factory=dict)


class AnswerParts(Protocol):
    """The state of one answer. Marks and texts come in their order, texts in pieces of any length."""

    @property
    def in_content(self) -> bool:
        """Whether text that comes now is content."""

    @property
    def in_reasoning(self) -> bool:
        """Whether text that comes now is reasoning."""

    @property
    def follows(self) -> Follows:
        """The tokens that may come next, where the content has a shape."""

    def mark(self, mark: str) -> list[Piece]:
        """Return what is final with a mark."""

    def text(self, text: str) -> list[Piece]:
        """Return what is final with a text."""

    def finish(self, *, cut: bool) -> list[Piece]:
        """Return the rest, when nothing follows. ``cut``: the model had more to say."""


class PartMarks(Protocol):
    """The marks by which the answers of a model have parts."""

    @property
    def marks(self) -> Mapping[int, str]:
        """The marks that are one token, by its id."""

    @property
    def keeps_reasoning(self) -> bool:
        """Whether reasoning stays in the content, with its marks."""

    def after(self, prompt: Sequence[int], decode: Decode) -> AnswerParts:
        """Return the state in which ``prompt`` leaves the answer. ``decode`` shows no special tokens."""
