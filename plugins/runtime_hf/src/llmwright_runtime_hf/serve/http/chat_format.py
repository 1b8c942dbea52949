"""The JSON of ``/v1/chat/completions``, full and streamed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from llmwright_runtime_hf.serve.engine.interface import Finished, Text
from llmwright_runtime_hf.serve.http.calls.call_reader import CallReader, Piece
from llmwright_runtime_hf.serve.http.calls.tool_call import Parameters, ToolCall
from llmwright_runtime_hf.serve.http.logprobs_json import chat_logprobs
from llmwright_runtime_hf.serve.http.responses import Choice, Json, Usage

CHUNK = "chat.completion.chunk"


@dataclass(frozen=True, slots=True)
class ChatCompletionFormat:
    """OpenAI's ``chat.completion``. With ``parser`` the calls of tools are taken out of the text, in that format."""

    model: str
    logprobs: bool = False
    parser: str | None = None
    parameters: Parameters = field(default_factory=dict)
    """The JSON schema of the arguments of each tool."""
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    readers: dict[int, CallReader] = field(default_factory=dict)
    """The readers of the choices of a stream."""
    called: dict[int, int] = field(default_factory=dict)
    """The number of calls that each choice of a stream has had."""

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json:
        answers = [self._answer(choice) for choice in choices]
        return {**self._head("chat.completion"), "choices": answers, "usage": usage.json()}

    def first_chunks(self, choices: int) -> list[Json]:
        return [self._chunk(index, {"role": "assistant", "content": ""}) for index in range(choices)]

    def text_chunks(self, choice: int, text: Text) -> list[Json]:
        if self.parser is None:
            return [self._chunk(choice, {"content": text.text}, text)]
        reader = self.readers.setdefault(choice, CallReader(self.parser, self.parameters))
        chunks = self._deltas(choice, reader.push(text.text))
        return [*([self._chunk(choice, {}, text)] if self.logprobs else []), *chunks]

    def last_chunks(self, choice: int, finished: Finished) -> list[Json]:
        reader = self.readers.get(choice)
        chunks = self._deltas(choice, reader.finish()) if reader else []
        reason = "tool_calls" if self.called.get(choice) and finished.reason == "stop" else finished.reason
        return [*chunks, self._chunk(choice, {}, reason=reason)]

    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]:
        return [{**self._head(CHUNK), "choices": [], "usage": usage.json()}] if wanted else []

    def _answer(self, choice: Choice) -> Json:
        message: Json = {"role": "assistant", "content": choice.text.text}
        reason: str = choice.finished.reason
        if self.parser is not None:
            reader = CallReader(self.parser, self.parameters)
            pieces = [*reader.push(choice.text.text), *reader.finish()]
            calls = [piece.json() for piece in pieces if isinstance(piece, ToolCall)]
            if calls:
                text = "".join(piece for piece in pieces if isinstance(piece, str))
                message = {"role": "assistant", "content": text or None, "tool_calls": calls}
                reason = "tool_calls" if reason == "stop" else reason
        scores = self._scores(choice.text)
        return {"index": choice.index, "message": message, "logprobs": scores, "finish_reason": reason}

    def _deltas(self, choice: int, pieces: Sequence[Piece]) -> list[Json]:
        return [self._chunk(choice, delta) for piece in pieces for delta in self._parts(choice, piece)]

    def _parts(self, choice: int, piece: Piece) -> list[Json]:
        """Return the deltas of a piece: of a call its name, then its arguments, as OpenAI's server sends them."""
        if isinstance(piece, str):
            return [{"content": piece}]
        index = self.called.get(choice, 0)
        self.called[choice] = index + 1
        whole = piece.json()
        named = {**whole, "function": {**whole["function"], "arguments": ""}}
        rest = {"function": {"arguments": piece.arguments}}
        return [{"tool_calls": [{"index": index, **part}]} for part in (named, rest)]

    def _chunk(self, index: int, delta: Json, text: Text | None = None, reason: str | None = None) -> Json:
        scores = self._scores(text) if text else None
        choice = {"index": index, "delta": delta, "logprobs": scores, "finish_reason": reason}
        return {**self._head(CHUNK), "choices": [choice]}

    def _scores(self, text: Text) -> Json | None:
        return chat_logprobs(text.tokens) if self.logprobs else None

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}
