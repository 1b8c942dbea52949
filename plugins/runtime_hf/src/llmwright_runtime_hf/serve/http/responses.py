"""The JSON of the answers, whole and streamed, for each of the three forms."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmwright_runtime_hf.serve.engine.interface import Finished

Json = dict[str, Any]


class Form(Protocol):
    """One way to write an answer. A stream is ``opening``, any number of ``piece``, ``closing``, perhaps ``usage``."""

    def whole(self, text: str, finished: Finished) -> Json: ...
    def opening(self) -> list[Json]: ...
    def piece(self, text: str) -> Json: ...
    def closing(self, finished: Finished) -> Json: ...
    def usage(self, finished: Finished) -> Json: ...


@dataclass(frozen=True, slots=True)
class ChatCompletionForm:
    """OpenAI's ``chat.completion``."""

    model: str
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, finished: Finished) -> Json:
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": finished.reason}
        return {**self._head("chat.completion"), "choices": [choice], "usage": usage_of(finished)}

    def opening(self) -> list[Json]:
        return [self._chunk({"role": "assistant", "content": ""})]

    def piece(self, text: str) -> Json:
        return self._chunk({"content": text})

    def closing(self, finished: Finished) -> Json:
        return self._chunk({}, finished.reason)

    def usage(self, finished: Finished) -> Json:
        return {**self._head("chat.completion.chunk"), "choices": [], "usage": usage_of(finished)}

    def _chunk(self, delta: Json, reason: str | None = None) -> Json:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        return {**self._head("chat.completion.chunk"), "choices": [choice]}

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


@dataclass(frozen=True, slots=True)
class CompletionForm:
    """OpenAI's ``text_completion``."""

    model: str
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def whole(self, text: str, finished: Finished) -> Json:
        return {**self._with(text, finished.reason), "usage": usage_of(finished)}

    def opening(self) -> list[Json]:
        return []

    def piece(self, text: str) -> Json:
        return self._with(text, None)

    def closing(self, finished: Finished) -> Json:
        return self._with("", finished.reason)

    def usage(self, finished: Finished) -> Json:
        return {**self._head(), "choices": [], "usage": usage_of(finished)}

    def _with(self, text: str, reason: str | None) -> Json:
        choice = {"index": 0, "text": text, "logprobs": None, "finish_reason": reason}
        return {**self._head(), "choices": [choice]}

    def _head(self) -> Json:
        return {"id": self.id, "object": "text_completion", "created": self.created, "model": self.model}


@dataclass(frozen=True, slots=True)
class PlainForm:
    """The answer of ``/chat``. ``Result`` repeats the text for clients of KAITO's older ``/chat``."""

    model: str

    def whole(self, text: str, finished: Finished) -> Json:
        return {"response": text, "Result": text, **self._end(finished)}

    def opening(self) -> list[Json]:
        return []

    def piece(self, text: str) -> Json:
        return {"response": text, "model": self.model}

    def closing(self, finished: Finished) -> Json:
        return {"response": "", **self._end(finished)}

    def usage(self, finished: Finished) -> Json:
        return {"model": self.model, "usage": usage_of(finished)}

    def _end(self, finished: Finished) -> Json:
        return {"model": self.model, "finish_reason": finished.reason, "usage": usage_of(finished)}


def usage_of(finished: Finished) -> Json:
    """Token counts, as OpenAI names them."""
    total = finished.prompt_tokens + finished.completion_tokens
    return {
        "prompt_tokens": finished.prompt_tokens,
        "completion_tokens": finished.completion_tokens,
        "total_tokens": total,
    }
