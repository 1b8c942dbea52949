"""``AnswerReader``: the times, the usage and the end of one answer, from its bytes as they come. Pure: no clock."""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from typing import Any

from llmwright.app.model_answers import END, REASONING, answer_of, choices_of, documents_of, text_of
from llmwright.app.server_sent_events import EventReader, ServerSentEvent

_OTHER_TEXT = (*REASONING, "tool_calls")
"""Fields of a delta that are tokens of the answer too, beside its content."""


class AnswerReader:
    """Takes the bytes of a stream, each with the time at which it came; or one whole answer.

    ``done`` is the time at which ``[DONE]`` came.
    ``pieces`` are the times of pieces of text: an event that only names the role is none. ``complete``: the end of
    the answer was announced, by a finish reason or by ``[DONE]``.
    """

    def __init__(self) -> None:
        self.pieces = array("d")
        self.complete = False
        self.done: float | None = None
        self._usage: Mapping[str, Any] = {}
        self._events = EventReader()

    @property
    def input_tokens(self) -> int | None:
        """Tokens of the prompt, of the server's usage."""
        return self._tokens("prompt_tokens")

    @property
    def output_tokens(self) -> int | None:
        """Tokens of the answer, of the server's usage."""
        return self._tokens("completion_tokens")

    def feed(self, chunk: bytes, now: float) -> None:
        """Take ``chunk``, which came at ``now``.

        Raises:
            TargetError: the server reports an error, or what came is no event of an answer.
            ValueError: one event is too long.
        """
        for event in self._events.feed(chunk):
            self._take(event, now)

    def close(self, now: float) -> None:
        """Take the end of the stream; raises as ``feed``."""
        for event in self._events.close():
            self._take(event, now)

    def take_whole(self, content: Mapping[str, Any]) -> None:
        """Take an answer that came in one piece."""
        self.complete = bool(choices_of(content))
        self._take_usage(content)

    def _take(self, event: ServerSentEvent, now: float) -> None:
        for text, kind in documents_of(event):
            if text == END:
                self.complete, self.done = True, now
                return
            content = answer_of(text, kind)
            self._take_usage(content)
            for choice in choices_of(content):
                self.complete = self.complete or bool(choice.get("finish_reason"))
                if _has_text(choice):
                    self.pieces.append(now)

    def _take_usage(self, content: Mapping[str, Any]) -> None:
        usage = content.get("usage")
        # Some servers send it with each event, counted so far: the last one is of the whole answer.
        if isinstance(usage, Mapping):
            self._usage = usage

    def _tokens(self, name: str) -> int | None:
        count = self._usage.get(name)
        return count if isinstance(count, int) and not isinstance(count, bool) and count >= 0 else None


def _has_text(choice: Mapping[str, Any]) -> bool:
    if text_of(choice, "delta"):
        return True
    delta = choice.get("delta")
    return isinstance(delta, Mapping) and any(delta.get(name) for name in _OTHER_TEXT)
