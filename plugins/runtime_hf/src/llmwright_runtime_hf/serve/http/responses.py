"""The JSON of successful responses, full and streamed, one class per route."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmwright_runtime_hf.serve.engine.interface import Finished

Json = dict[str, Any]


class ResponseFormat(Protocol):
    """How one route writes its response.

    A stream is ``first_chunks``, any number of ``text_chunk``, ``last_chunk``, and ``usage_chunk`` if the client
    wants it.
    """

    def full(self, text: str, finished: Finished) -> Json: ...
    def first_chunks(self) -> list[Json]: ...
    def text_chunk(self, text: str) -> Json: ...
    def last_chunk(self, finished: Finished) -> Json: ...
    def usage_chunk(self, finished: Finished) -> Json: ...


@dataclass(frozen=True, slots=True)
class ChatCompletionFormat:
    """OpenAI's ``chat.completion``, for ``/v1/chat/completions``."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def full(self, text: str, finished: Finished) -> Json:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finished.reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage_of(finished)}

    def first_chunks(self) -> list[Json]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def text_chunk(self, text: str) -> Json:
        return self._chunk({"content": text})

    def last_chunk(self, finished: Finished) -> Json:
        return self._chunk({}, finished.reason)

    def usage_chunk(self, finished: Finished) -> Json:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_of(finished)}

    def _chunk(self, delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


@dataclass(frozen=True, slots=True)
class CompletionFormat:
    """OpenAI's ``text_completion``, for ``/v1/completions``."""

    model: str
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def full(self, text: str, finished: Finished) -> Json:
        return {**self._with_text(text, finished.reason), "usage": usage_of(finished)}

    def first_chunks(self) -> list[Json]:
        return []

    def text_chunk(self, text: str) -> Json:
        return self._with_text(text, None)

    def last_chunk(self, finished: Finished) -> Json:
        return self._with_text("", finished.reason)

    def usage_chunk(self, finished: Finished) -> Json:
        return {**self._head(), "choices": [], "usage": usage_of(finished)}

    def _with_text(self, text: str, reason: str | None) -> Json:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        return {**self._head(), "choices": [choice]}

    def _head(self) -> Json:
        return {"id": self.id, "object": "text_completion", "created": self.created, "model": self.model}


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """The response of ``/chat``. ``Result`` repeats the text for clients of KAITO's older ``/chat``."""

    model: str

    def full(self, text: str, finished: Finished) -> Json:
        return {"response": text, "Result": text, **self._end(finished)}

    def first_chunks(self) -> list[Json]:
        return []

    def text_chunk(self, text: str) -> Json:
        return {"response": text, "model": self.model}

    def last_chunk(self, finished: Finished) -> Json:
        return {"response": "", **self._end(finished)}

    def usage_chunk(self, finished: Finished) -> Json:
        return {"model": self.model, "usage": usage_of(finished)}

    def _end(self, finished: Finished) -> Json:
        return {"model": self.model, "finish_reason": finished.reason, "usage": usage_of(finished)}


def usage_of(finished: Finished) -> Json:
    """Return token counts under the names that OpenAI gives them."""
    total = finished.prompt_tokens + finished.completion_tokens
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.completion_tokens,
        "total_tokens": total,
    }
