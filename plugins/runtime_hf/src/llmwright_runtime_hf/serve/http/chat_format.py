"""The JSON of ``/v1/chat/completions``, full and streamed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from llmwright_runtime_hf.serve.engine.interface import CONTENT, Finished, Part, ScoredToken, Text
from llmwright_runtime_hf.serve.http.calls.call_reader import CallReader, Piece
from llmwright_runtime_hf.serve.http.calls.tool_call import Parameters, ToolCall
from llmwright_runtime_hf.serve.http.logprobs_json import chat_logprobs
from llmwright_runtime_hf.serve.http.responses import Choice, Json, Usage

CHUNK = "chat.completion.chunk"
NO_ARGUMENTS = "{}"
"""The arguments of a call whose model wrote none: clients read JSON."""


@dataclass(slots=True)
class _OpenCall:
    """A call of a stream whose arguments are coming."""

    part: Part
    index: int
    empty: bool = True


@dataclass(frozen=True, slots=True)
class ChatCompletionFormat:
    """OpenAI's ``chat.completion``. With ``parser`` the calls of tools are taken out of the text, in that format.

    ``calls``: those that the engine itself tells apart are shown. Reasoning is, with ``reasoning``, under vLLM's name.
    """

    model: str
    logprobs: bool = False
    parser: str | None = None
    parameters: Parameters = field(default_factory=dict)
    """The JSON schema of the arguments of each tool."""
    calls: bool = False
    reasoning: bool = True
    id: str = field(default_factory=lambda: f"chatcmpl-{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    readers: dict[int, CallReader] = field(default_factory=dict)
    """The readers of the choices of a stream."""
    called: dict[int, int] = field(default_factory=dict)
    """The number of calls that each choice of a stream has had."""
    open_calls: dict[int, _OpenCall] = field(default_factory=dict)
    """The calls of the choices of a stream that have begun and not ended."""

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json:
        answers = [self._answer(choice) for choice in choices]
        return {**self._head("chat.completion"), "choices": answers, "usage": usage.json()}

    def first_chunks(self, choices: int) -> list[Json]:
        return [self._chunk(index, {"role": "assistant", "content": ""}) for index in range(choices)]

    def text_chunks(self, choice: int, text: Text) -> list[Json]:
        if self._hides(text):
            return []
        if text.part == CONTENT and self.parser is None:
            return [self._chunk(choice, {"content": text.text}, text)]
        deltas = self._deltas_of_text(choice, text)
        return [*([self._chunk(choice, {}, text)] if self.logprobs else []), *self._chunks(choice, deltas)]

    def last_chunks(self, choice: int, finished: Finished) -> list[Json]:
        reader = self.readers.get(choice)
        deltas = [*(self._deltas(choice, reader.finish()) if reader else []), *self._end_of_call(choice)]
        reason = "tool_calls" if self.called.get(choice) and finished.reason == "stop" else finished.reason
        return [*self._chunks(choice, deltas), self._chunk(choice, {}, reason=reason)]

    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]:
        return [{**self._head(CHUNK), "choices": [], "usage": usage.json()}] if wanted else []

    def _answer(self, choice: Choice) -> Json:
        content, calls = self._content(choice)
        reason: str = choice.finished.reason
        reasoning = "".join(text.text for text in choice.parts if text.part.kind == "reasoning" and self.reasoning)
        message: Json = {"role": "assistant", "content": content or (None if calls or reasoning else "")}
        if reasoning:
            message["reasoning"] = reasoning
        if calls:
            message["tool_calls"] = [call.json() for call in calls]
            reason = "tool_calls" if reason == "stop" else reason
        scores = self._scores([token for text in choice.parts if not self._hides(text) for token in text.tokens])
        return {"index": choice.index, "message": message, "logprobs": scores, "finish_reason": reason}

    def _content(self, choice: Choice) -> tuple[str, list[ToolCall]]:
        """Return the text that the user sees, and the calls beside it."""
        content = choice.text.text
        apart = [text for text in choice.parts if text.part.kind == "call" and self.calls]
        calls = [ToolCall(text.part.tool, text.text or NO_ARGUMENTS) for text in apart]
        if self.parser is None:
            return content, calls
        reader = CallReader(self.parser, self.parameters)
        pieces = [*reader.push(content), *reader.finish()]
        found = [piece for piece in pieces if isinstance(piece, ToolCall)]
        return "".join(piece for piece in pieces if isinstance(piece, str)) if found else content, [*calls, *found]

    def _deltas_of_text(self, choice: int, text: Text) -> list[Json]:
        if text.part.kind == "call":
            return self._deltas_of_call(choice, text) if self.calls else []
        if text.part.kind == "reasoning":
            return [{"reasoning": text.text}] if text.text else []
        assert self.parser is not None
        reader = self.readers.setdefault(choice, CallReader(self.parser, self.parameters))
        return self._deltas(choice, reader.push(text.text))

    def _deltas(self, choice: int, pieces: Sequence[Piece]) -> list[Json]:
        return [delta for piece in pieces for delta in self._parts(choice, piece)]

    def _parts(self, choice: int, piece: Piece) -> list[Json]:
        """Return the deltas of a piece: of a call its name, then its arguments, as OpenAI's server sends them."""
        if isinstance(piece, str):
            return [{"content": piece}]
        index = self._next_index(choice)
        return [_begun(index, piece), _arguments(index, piece.arguments)]

    def _deltas_of_call(self, choice: int, text: Text) -> list[Json]:
        """Return the deltas of a call whose arguments come in pieces, which have no type to be read first."""
        call, begun = self.open_calls.get(choice), list[Json]()
        if call is None or call.part != text.part:
            begun = self._end_of_call(choice)
            call = self.open_calls[choice] = _OpenCall(text.part, self._next_index(choice))
            begun.append(_begun(call.index, ToolCall(text.part.tool, "")))
        if not text.text:
            return begun
        call.empty = False
        return [*begun, _arguments(call.index, text.text)]

    def _end_of_call(self, choice: int) -> list[Json]:
        call = self.open_calls.pop(choice, None)
        return [_arguments(call.index, NO_ARGUMENTS)] if call and call.empty else []

    def _next_index(self, choice: int) -> int:
        index = self.called.get(choice, 0)
        self.called[choice] = index + 1
        return index

    def _hides(self, text: Text) -> bool:
        return text.part.kind == "reasoning" and not self.reasoning

    def _chunks(self, choice: int, deltas: Sequence[Json]) -> list[Json]:
        return [self._chunk(choice, delta) for delta in deltas]

    def _chunk(self, index: int, delta: Json, text: Text | None = None, reason: str | None = None) -> Json:
        scores = self._scores(text.tokens) if text else None
        choice = {"index": index, "delta": delta, "logprobs": scores, "finish_reason": reason}
        return {**self._head(CHUNK), "choices": [choice]}

    def _scores(self, tokens: Sequence[ScoredToken]) -> Json | None:
        return chat_logprobs(tokens) if self.logprobs else None

    def _head(self, kind: str) -> Json:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model}


def _begun(index: int, call: ToolCall) -> Json:
    """Return the delta that names a call."""
    whole = call.json()
    return {"tool_calls": [{"index": index, **whole, "function": {**whole["function"], "arguments": ""}}]}


def _arguments(index: int, text: str) -> Json:
    return {"tool_calls": [{"index": index, "function": {"arguments": text}}]}
