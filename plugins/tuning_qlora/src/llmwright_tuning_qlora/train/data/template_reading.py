"""Whether a chat template reads all that a conversation says: its turns, their fields, and the tools."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from llmwright.values.messages import Message
from llmwright_tuning_qlora.train.data.column_mapping import TOOLS
from llmwright_tuning_qlora.train.data.example import Conversation
from llmwright_tuning_qlora.train.data.message_fields import must_be_read

MARK = "llmwright8f41d0"
"""Stands in for a content, or after it, to find its place in a rendering."""
Apply = Callable[[Sequence[Message], Conversation], str]
UNREAD = "is not read by the chat template; take it out, or name a ModelConfig.chat_template that reads it"


class TemplateReading:
    """Find what a template drops. ``apply`` renders messages, with the tools of a conversation."""

    def __init__(self, apply: Apply, template: str) -> None:
        self._apply = apply
        self._template = template
        self._read_words: set[tuple[str, str, str]] = set()

    def fault(self, example: Conversation, text: str) -> str:
        """Return the fault of a part of ``example`` that is not in ``text``, its rendering; empty for none.

        A part that says something is read where another value, or none, gives another text.
        """
        if example.tools and self._apply(example.messages, replace(example, tools=())) == text:
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
        """Whether the conversation, or its part up to message ``index``, is written otherwise with ``change``."""
        before, message, after = example.messages[:index], example.messages[index], example.messages[index + 1 :]
        changed = {key: value for key, value in {**message, **change}.items() if value is not None}
        return any(
            self._written((*before, message, *rest), example) != self._written((*before, changed, *rest), example)
            for rest in ((after, ()) if after else (after,))
        )

    def _written(self, messages: Sequence[Message], example: Conversation) -> str:
        try:
            return self._apply(messages, example)
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
