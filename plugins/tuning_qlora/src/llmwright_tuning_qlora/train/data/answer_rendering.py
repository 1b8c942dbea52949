"""A conversation as text by the model's chat template, and where its answers begin and end.

A server renders the messages before an answer with a generation prompt, and the model goes on from there. A row is
learned right where its text up to the answer is that very prompt, and where the answer ends as the template ends the
last answer of a conversation: there a server stops. Templates that write an earlier turn otherwise than a last one, or
whose generation prompt is longer than the start of a finished answer, need one row for each answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from llmwright.values.message_fields import REASONING
from llmwright.values.messages import Message, render
from llmwright_tuning_qlora.train.data.example import Conversation
from llmwright_tuning_qlora.train.data.special_texts import SpecialTexts, most_alike, shared_end, shared_start
from llmwright_tuning_qlora.train.data.template_reading import MARK, TemplateReading

FOLLOWING: tuple[Message, ...] = ({"role": "user", "content": "."}, {"role": "tool", "content": "."})
"""Turns that may follow a last answer, to see what a template writes only at the end of a conversation."""


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

    def __init__(self, tokenizer: Any, special: SpecialTexts) -> None:
        self._tokenizer = tokenizer
        self._special = special
        self.template = str(tokenizer.get_chat_template()) if tokenizer.chat_template else ""
        self._reading = TemplateReading(self._apply, lambda index, example: self._prompt(example, index), self.template)

    def whole(self, example: Conversation) -> ConversationText | None:
        """Return ``example`` as one text, None where an answer is not the same in it as after its own prompt.

        Raises:
            RowProblem: the template does not read all that the messages say.
            TemplateError: the template refuses the messages.
        """
        text = self.read_whole(example)
        if example.learned[0] == 0:
            raise RowProblem("it begins with an answer, which no request can ask for")
        spans = [self._span(text, example, index) for index in example.learned]
        return ConversationText(text, tuple(span for span in spans if span)) if all(spans) else None

    def text(self, example: Conversation) -> str:
        """Return the text of ``example``; raises TemplateError where the template refuses it."""
        return self._apply(example.messages, example)

    def read_whole(self, example: Conversation) -> str:
        """Return the text of ``example``.

        Raises:
            RowProblem: the template does not read all that the messages say.
            TemplateError: the template refuses the messages.
        """
        text = self.text(example)
        if fault := self._reading.fault(example, text):
            raise RowProblem(fault)
        return text

    def answers(self, example: Conversation) -> list[AnswerText]:
        """Return each learned answer with the prompt before it.

        Raises:
            RowProblem: the template leaves an answer out, or it cannot be told from the turns before it.
            TemplateError: the template refuses the messages.
        """
        return [self._answer(example, index) for index in example.learned]

    def _span(self, text: str, example: Conversation, index: int) -> tuple[int, int] | None:
        prompt, content = self._prompt(example, index), _content(example, index)
        is_last = index + 1 == len(example.messages)
        through = text if is_last else self._apply(example.messages[: index + 1], example)
        followed = self._followed(example.messages, example) if is_last else text
        place = self._special.last_outside(content, through, len(prompt), len(through))
        if place is None or not through.startswith(prompt):
            return None
        calls = bool(example.messages[index].get("tool_calls"))
        end = self._end(through, followed, place + len(content), calls=calls)
        if self._special.holds_last(through[len(prompt) : end], content):
            return None
        if end <= len(prompt) or not text.startswith(through[:end]) or _left_out(example, index, through[:end]):
            return None
        return len(prompt), end

    def _answer(self, example: Conversation, index: int) -> AnswerText:
        before, message = example.messages[:index], example.messages[index]
        prompt, through = self._prompt(example, index), self._apply((*before, message), example)
        start = self._start(example, index, prompt, through)
        content = _content(example, index)
        # The same answer with a mark at its end: how a template closes it does not depend on its words.
        marked = (*before, {**message, "content": content + MARK}) if content else (*before, message)
        closed, followed = self._apply(marked, example), self._followed(marked, example, example.messages[index + 1 :])
        # Without a content the calls are looked for: a template may write what is before them only in the last turn.
        again = start if MARK in followed else most_alike(closed[start:], followed, shared_start(closed, followed))
        ends = [
            text.rfind(MARK) + len(MARK) if MARK in text else at for text, at in ((closed, start), (followed, again))
        ]
        calls = bool(message.get("tool_calls"))
        stop = self._end(closed[ends[0] :], followed[ends[1] :], 0, calls=calls or ends[0] == start)
        rest = len(closed) - ends[0]
        body, ending = through[start : len(through) - rest], through[len(through) - rest :][:stop]
        answer = _with_reasoning(prompt, content, body, index) if content and not calls else body
        if not (answer + ending).strip():
            raise RowProblem(f"the chat template leaves answer {index} out")
        if self._special.holds_last(answer + ending, content):
            raise RowProblem(f"answer {index} holds the very token that ends answers")
        if left_out := _left_out(example, index, answer):
            raise RowProblem(f"the chat template leaves {left_out} of answer {index} out")
        return AnswerText(prompt, answer + ending)

    def _start(self, example: Conversation, index: int, prompt: str, through: str) -> int:
        """Return where answer ``index`` begins in ``through``, the conversation up to it."""
        shared, before = shared_start(prompt, through), self._apply(example.messages[:index], example)
        own = shared_start(prompt, before)
        if shared >= own:
            return self._special.boundary(through, shared)
        # The template writes the turns before otherwise now, as Mistral's, which has the system prompt in the last
        # question: the answer begins where what is before it ends like the prompt.
        blank = {**example.messages[index], "content": MARK}
        latest = self._apply((*example.messages[:index], blank), example).rfind(MARK)
        opening = prompt[own:]
        if latest >= 0 and opening and opening in through[:latest]:
            return through.rindex(opening, 0, latest) + len(opening)
        alike = {stop: shared_end(through[:stop], prompt) for stop in range(latest, max(0, latest - 200), -1)}
        best = max(alike, key=lambda stop: alike[stop], default=0)
        if opening or not alike.get(best):
            raise RowProblem(f"the chat template changes the turns before answer {index}, so it cannot be told apart")
        return best

    def _end(self, text: str, followed: str, start: int, *, calls: bool) -> int:
        """Return where the answer ends in ``text``, whose content ends at ``start``.

        A template may close a conversation that does not go on with a tail of its own (Phi-3: the end token). What is
        there whether or not another turn follows belongs to the answer, and one end token does in any case: a template
        may have another one for the last answer (gpt-oss).
        """
        common = self._special.boundary(text, shared_start(text, followed))
        if calls:
            # The calls come after the content, with special tokens of their own.
            closed = self._special.has_last(text, start, common)
            return common if closed else self._special.end_of_next(text, common) or common
        end = self._special.end_of_first(text, start)
        if end is None:
            return common
        blanks = len(text[end:common]) - len(text[end:common].lstrip())
        return end + blanks

    def _prompt(self, example: Conversation, index: int) -> str:
        return self._apply(example.messages[:index], example, prompting=True)

    def _followed(self, messages: Sequence[Message], example: Conversation, more: Sequence[Message] = ()) -> str:
        """Return the conversation with a turn after it: the first of ``more``, else one that the template takes."""
        for message in (*more[:1], *FOLLOWING):
            try:
                return self._apply((*messages, message), example)
            except Exception:  # noqa: S112 - a template may refuse any turn there, in its own words
                continue
        return self._apply(messages, example)

    def _apply(self, messages: Sequence[Message], example: Conversation, *, prompting: bool = False) -> str:
        def apply(plain: list[dict[str, Any]]) -> str:
            try:
                text = self._tokenizer.apply_chat_template(
                    plain, tools=list(example.tools) or None, tokenize=False, add_generation_prompt=prompting
                )
            except (ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
                # Python's own errors inside of a template, which a server reports as a refusal too.
                raise RowProblem(f"the chat template refuses it: {' '.join(str(error).split())}") from error
            return str(text)

        try:
            return render(apply, messages, self.template)
        except (TemplateError, MemoryError, RowProblem):
            raise
        except Exception as error:
            # A template runs any expression, and fails with the error of any: a division by zero, a missing method.
            raise TemplateError(f"{type(error).__name__}: {error}") from error


def _content(example: Conversation, index: int) -> str:
    return str(example.messages[index]["content"]).strip()


def _left_out(example: Conversation, index: int, text: str) -> str:
    """Return the name of a field of answer ``index`` with reasoning that ``text`` does not have; empty for none."""
    written, message = _squashed(text), example.messages[index]
    return next((name for name in REASONING if _squashed(str(message.get(name) or "")) not in written), "")


def _with_reasoning(prompt: str, content: str, body: str, index: int) -> str:
    """Return ``body``, the answer as the template writes it, or ``content`` where it leaves the start of that out.

    DeepSeek-R1's template drops the reasoning of finished answers, and the model is to write it all the same.
    """
    written, wanted = _squashed(body), _squashed(content)
    if wanted in written:
        return body
    if not written or not wanted.endswith(written):
        raise RowProblem(f"the chat template writes answer {index} otherwise than the row has it")
    opened = next(size for size in range(len(content), -1, -1) if prompt.endswith(content[:size]))
    return content[opened:]


def _squashed(text: str) -> str:
    return "".join(text.split())
