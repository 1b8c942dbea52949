"""A conversation as text by the model's chat template, and where its answers begin and end.

A server renders the messages before an answer with a generation prompt, and the model goes on from there. A row is
learned right where its text up to the answer is that very prompt. Two cases make that hard, and both end in one row for
each answer: a template that rewrites earlier turns, such as one that drops old reasoning, and a generation prompt that
is longer than the start of the finished answer, such as one that opens ``<think>``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from llmwright.values.messages import Message, render
from llmwright_tuning_qlora.train.data.example import Conversation

FOLLOWING = {"role": "user", "content": "."}


class RowProblem(ValueError):
    """A row that cannot be turned into tokens."""


@dataclass(frozen=True, slots=True)
class AnswerText:
    """One answer as a server sees it: the model gets ``prompt`` and is to write ``answer``."""

    prompt: str
    answer: str


@dataclass(frozen=True, slots=True)
class ConversationText:
    """A whole conversation as one text. ``spans`` are its learned answers, (start, end) in characters."""

    text: str
    spans: tuple[tuple[int, int], ...]


class ConversationRenderer:
    """Render conversations with the chat template of a tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.template = str(tokenizer.get_chat_template()) if tokenizer.chat_template else ""

    def whole(self, example: Conversation) -> ConversationText | None:
        """Return ``example`` as one text, None where an answer is not the same in it as after its own prompt.

        Raises:
            TemplateError: the template refuses the messages.
        """
        text = self._apply(example, len(example.messages))
        spans = [self._span(text, example, index) for index in example.learned]
        return ConversationText(text, tuple(span for span in spans if span)) if all(spans) else None

    def answers(self, example: Conversation) -> list[AnswerText]:
        """Return each learned answer with the prompt before it.

        Raises:
            RowProblem: the template writes the messages before an answer otherwise once the answer is there.
            TemplateError: the template refuses the messages.
        """
        return [self._answer(example, index) for index in example.learned]

    def _span(self, text: str, example: Conversation, index: int) -> tuple[int, int] | None:
        prompt = self._apply(example, index, prompting=True)
        end = self._end(example, index, text)
        content = str(example.messages[index]["content"]).strip()
        if not text.startswith(prompt) or end <= len(prompt) or content not in text[len(prompt) : end]:
            return None
        return len(prompt), end

    def _answer(self, example: Conversation, index: int) -> AnswerText:
        prompt, through = self._apply(example, index, prompting=True), self._apply(example, index + 1)
        shared = _shared(prompt, through)
        if shared < len(prompt) and shared < _shared(prompt, self._apply(example, index)):
            raise RowProblem(f"the chat template changes the turns before answer {index}, so it cannot be told apart")
        end = self._end(example, index, through)
        content = str(example.messages[index]["content"]).strip()
        if content not in through[shared:end]:
            end = len(through)
        if not through[shared:end].strip():
            raise RowProblem(f"the chat template leaves answer {index} out")
        return AnswerText(prompt, through[shared:end])

    def _end(self, example: Conversation, index: int, text: str) -> int:
        """Return where answer ``index`` ends in ``text``.

        A template may close a conversation that does not go on with a tail of its own (Phi-3: the end token). What is
        there whether or not another turn follows belongs to the answer.
        """
        if index + 1 < len(example.messages):
            return _shared(self._apply(example, index + 1), text)
        try:
            return _shared(text, self._apply(example, index + 1, more=(FOLLOWING,)))
        except Exception:
            # A template may refuse a turn of the user there, as after the call of a tool.
            return len(text)

    def _apply(
        self, example: Conversation, count: int, *, prompting: bool = False, more: Sequence[Message] = ()
    ) -> str:
        def apply(messages: list[dict[str, Any]]) -> str:
            return str(
                self._tokenizer.apply_chat_template(
                    messages, tools=list(example.tools) or None, tokenize=False, add_generation_prompt=prompting
                )
            )

        return render(apply, (*example.messages[:count], *more), self.template)


def _shared(one: str, other: str) -> int:
    """Return the length of the common start of two texts."""
    pairs = zip(one, other, strict=False)
    return next((index for index, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
