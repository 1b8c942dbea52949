"""Whether a chat template reads all that a conversation says: its turns, their fields, and the tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from jinja2 import TemplateError

from llmwright.values.message_fields import must_be_read
from llmwright.values.messages import Message
from llmwright_tuning_qlora.train.data.column_mapping import TOOLS
from llmwright_tuning_qlora.train.data.example import Conversation

MARK = "llmwright8f41d0"
"""Stands in for a content, or after it, to find its place in a rendering."""
Apply = Callable[[Sequence[Message], Conversation], str]
View = Callable[[Conversation], str]
UNREAD = "is not read by the chat template; take it out, or name a ModelConfig.chat_template that reads it"


class TemplateReading:
    """Find what a template drops.

    ``apply`` renders messages, with the tools of a conversation; ``prompt`` a conversation's part before an answer.
    """

    def __init__(self, apply: Apply, prompt: Callable[[int, Conversation], str], template: str) -> None:
        self._apply = apply
        self._prompt = prompt
        self._template = template
        self._read_words: set[tuple[str, str, str]] = set()

    def fault(self, example: Conversation, text: str) -> str:
        """Return the fault of a part of ``example`` that is not in ``text``, its rendering; empty for none.

        A part that says something is read where another value, or none, gives another text.
        """
        if example.tools and not self._shows(example, replace(example, tools=()), 0):
            return f"{TOOLS!r} {UNREAD}"
        return next(self._faults(example, text), "")

    def _faults(self, example: Conversation, text: str) -> Iterator[str]:
        for index, message in enumerate(example.messages):
            where = f"{example.column}[{index}]"
            if message["role"] != "assistant" and not self._has_turn(example, index, text):
                yield f"{where}, of the role {message['role']}, {UNREAD}"
            for name in must_be_read(message, self._template):
                if not self._reads(example, index, name):
                    yield f"{where}.{name} {UNREAD}"

    def _has_turn(self, example: Conversation, index: int, text: str) -> bool:
        content = str(example.messages[index]["content"]).strip()
        return not content or content in text or self._differs(example, index, {"content": content + MARK})

    def _reads(self, example: Conversation, index: int, name: str) -> bool:
        message = example.messages[index]
        value = message[name]
        word = (str(message["role"]), name, value) if isinstance(value, str) else None
        if word in self._read_words or self._differs(example, index, {name: None}):
            return True
        if not any(self._differs(example, index, {name: other}) for other in _other_values(value, self._template)):
            return False
        # The words of a field such as a channel are few: each is looked for once.
        self._read_words |= {word} if word else set()
        return True

    def _differs(self, example: Conversation, index: int, change: dict[str, Any]) -> bool:
        changed = {key: value for key, value in {**example.messages[index], **change}.items() if value is not None}
        messages = (*example.messages[:index], changed, *example.messages[index + 1 :])
        return self._shows(example, replace(example, messages=messages), index)

    def _shows(self, example: Conversation, other: Conversation, index: int) -> bool:
        """Whether what differs from message ``index`` on shows in the whole, in its part up to there, or in a prompt.

        Mistral's templates write the system prompt into the last question, which only a prompt ends with.
        """
        return any(_written(write, example) != _written(write, other) for write in self._views(example, index))

    def _views(self, example: Conversation, index: int) -> Iterator[View]:
        yield lambda each: self._apply(each.messages, each)
        yield lambda each: self._apply(each.messages[: index + 1], each)
        for answer in example.learned:
            if answer > index:
                yield partial(self._prompt, answer)


def _written(write: View, example: Conversation) -> str:
    try:
        return write(example)
    except (TemplateError, ValueError) as error:
        # A refusal is an answer too: a template that knows no such channel does read it.
        return f"refused: {error}"


def _other_values(value: Any, template: str) -> Iterator[Any]:
    """Yield values to put in the place of ``value``, to see whether a template reads it: first what any reader shows.

    A template may only ask whether it is one of a few words, so the words that it names come last.
    """
    if isinstance(value, bool):
        yield not value
    elif isinstance(value, str):
        yield value + MARK
        yield from sorted({word for word in re.findall(r"""["'](\w+)["']""", template) if word != value})
