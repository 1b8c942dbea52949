"""The JSON of successful responses, full and streamed, one class per route."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from llmwright_runtime_hf.serve.engine.interface import CONTENT, Finished, Text
from llmwright_runtime_hf.serve.http.logprobs_json import completion_logprobs

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Choice:
    """One whole answer of a request; ``index`` is its place among them. ``parts`` are its texts in their order."""

    index: int
    parts: Sequence[Text]
    finished: Finished

    @property
    def text(self) -> Text:
        """The content, with the tokens of all parts."""
        content = "".join(text.text for text in self.parts if text.part == CONTENT)
        return Text(content, tuple(token for text in self.parts for token in text.tokens))


@dataclass(frozen=True, slots=True)
class Usage:
    """Token counts of a request. A prompt counts once, whatever the number of answers to it.

    ``reasoning`` are those of the completion that are reasoning; None where that is not told apart.
    """

    prompt: int
    completion: int
    reasoning: int | None = None

    def json(self) -> Json:
        """Return them under the names that OpenAI gives them."""
        total = self.prompt + self.completion
        details = {} if self.reasoning is None else {"completion_tokens_details": {"reasoning_tokens": self.reasoning}}
        return {
            "prompt_tokens": self.prompt,
            "completion_tokens": self.completion,
            "total_tokens": total,
            **details,
        }


class ResponseFormat(Protocol):
    """How one route writes its response.

    A stream is ``first_chunks``, for each choice any number of ``text_chunks`` and ``last_chunks``, then
    ``final_chunks``, with ``usage`` if the client wants it.
    """

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json: ...
    def first_chunks(self, choices: int) -> list[Json]: ...
    def text_chunks(self, choice: int, text: Text) -> list[Json]: ...
    def last_chunks(self, choice: int, finished: Finished) -> list[Json]: ...
    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]: ...


@dataclass(frozen=True, slots=True)
class CompletionFormat:
    """OpenAI's ``text_completion``, for ``/v1/completions``. ``echoes`` are prompts that answers begin with, by index.

    Their length counts in the offsets of tokens.
    """

    model: str
    logprobs: bool = False
    echoes: Mapping[int, str] = field(default_factory=dict)
    id: str = field(default_factory=lambda: f"cmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json:
        answers = [
            self._choice(
                choice.index, self.echoes.get(choice.index, "") + choice.text.text, choice.text, choice.finished.reason
            )
            for choice in choices
        ]
        return {**self._head(), "choices": answers, "usage": usage.json()}

    def first_chunks(self, choices: int) -> list[Json]:
        return [self._chunk(self._choice(index, echo)) for index, echo in self.echoes.items()]

    def text_chunks(self, choice: int, text: Text) -> list[Json]:
        return [self._chunk(self._choice(choice, text.text, text))]

    def last_chunks(self, choice: int, finished: Finished) -> list[Json]:
        return [self._chunk(self._choice(choice, "", reason=finished.reason))]

    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]:
        return [{**self._head(), "choices": [], "usage": usage.json()}] if wanted else []

    def _chunk(self, choice: Json) -> Json:
        return {**self._head(), "choices": [choice]}

    def _choice(self, index: int, text: str, scored: Text | None = None, reason: str | None = None) -> Json:
        scores = completion_logprobs(scored.tokens) if scored and self.logprobs else None
        return {"index": index, "text": text, "logprobs": scores, "finish_reason": reason}

    def _head(self) -> Json:
        return {"id": self.id, "object": "text_completion", "created": self.created, "model": self.model}


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """The response of ``/chat``. ``Result`` repeats the text for clients of KAITO's older ``/chat``.

    ``prefix`` stands before the answer: the prompt, where ``return_full_text`` asks for it.
    """

    model: str
    prefix: str = ""

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json:
        (choice,) = choices
        text = self.prefix + choice.text.text
        return {"response": text, "Result": text, **self._end(choice.finished)}

    def first_chunks(self, choices: int) -> list[Json]:
        return [{"response": self.prefix, "model": self.model}] if self.prefix else []

    def text_chunks(self, choice: int, text: Text) -> list[Json]:
        return [{"response": text.text, "model": self.model}] if text.part == CONTENT else []

    def last_chunks(self, choice: int, finished: Finished) -> list[Json]:
        return [{"response": "", **self._end(finished)}]

    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]:
        return [{"model": self.model, "usage": usage.json()}] if wanted else []

    def _end(self, finished: Finished) -> Json:
        usage = Usage(finished.prompt_tokens, finished.completion_tokens)
        return {"model": self.model, "finish_reason": finished.reason, "usage": usage.json()}
