"""The JSON of ``/v1/responses``, full and streamed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from llmwright_runtime_hf.serve.engine.interface import CONTENT, Finished, Text
from llmwright_runtime_hf.serve.http.responses import Choice, Json, Usage

Kind = Literal["content", "reasoning"]


@dataclass(slots=True)
class _Item:
    """One item of the output: a message, or reasoning before one."""

    kind: Kind
    index: int
    id: str
    text: str = ""

    def json(self, status: str, content: Sequence[Json]) -> Json:
        """Return the item with that content."""
        if self.kind == "reasoning":
            return {"id": self.id, "type": "reasoning", "summary": [], "status": status, "content": [*content]}
        return {"id": self.id, "type": "message", "role": "assistant", "status": status, "content": [*content]}

    @property
    def part(self) -> Json:
        """The one part of its content, with the text so far."""
        if self.kind == "reasoning":
            return {"type": "reasoning_text", "text": self.text}
        return {"type": "output_text", "text": self.text, "annotations": [], "logprobs": []}

    @property
    def place(self) -> Json:
        return {"item_id": self.id, "output_index": self.index, "content_index": 0}

    @property
    def events(self) -> str:
        """The beginning of the names of the events of its text."""
        return f"response.{'reasoning' if self.kind == 'reasoning' else 'output'}_text"

    @property
    def logprobs(self) -> dict[str, Any]:
        return {} if self.kind == "reasoning" else {"logprobs": []}


@dataclass(slots=True)
class ResponsesFormat:
    """OpenAI's ``response`` with one message of text, and reasoning where the model has such before it.

    Each event of a stream is named and numbered.
    """

    model: str
    id: str = field(default_factory=lambda: f"resp_{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    named_events = True
    _items: list[_Item] = field(default_factory=list)
    _reason: str = "stop"
    _number: int = -1

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json:
        (choice,) = choices
        for text in choice.parts:
            self.text_chunks(choice.index, text)
        self.last_chunks(choice.index, choice.finished)
        return self._whole(usage)

    def first_chunks(self, choices: int) -> list[Json]:
        begun = self._response("in_progress", [], None)
        return [self._event("response.created", response=begun), self._event("response.in_progress", response=begun)]

    def text_chunks(self, choice: int, text: Text) -> list[Json]:
        if text.part.kind == "call" or not text.text:
            return []
        begun = self._begin("content" if text.part == CONTENT else "reasoning")
        item = self._items[-1]
        item.text += text.text
        return [*begun, self._event(f"{item.events}.delta", **item.place, delta=text.text, **item.logprobs)]

    def last_chunks(self, choice: int, finished: Finished) -> list[Json]:
        self._reason = finished.reason
        begun = [] if self._items else self._begin("content")
        return [*begun, *self._end(self._status)]

    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]:
        return [self._event(f"response.{self._status}", response=self._whole(usage))]

    def _begin(self, kind: Kind) -> list[Json]:
        """Return the events that begin an item of this kind; none where it has begun."""
        if self._items and self._items[-1].kind == kind:
            return []
        ended = self._end("completed") if self._items else []
        prefix = {"content": "msg", "reasoning": "rs"}[kind]
        item = _Item(kind, len(self._items), f"{prefix}_{uuid.uuid4().hex}")
        self._items.append(item)
        return [
            *ended,
            self._event("response.output_item.added", output_index=item.index, item=item.json("in_progress", [])),
            self._event("response.content_part.added", **item.place, part=item.part),
        ]

    def _end(self, status: str) -> list[Json]:
        item = self._items[-1]
        whole = item.json(status, [item.part])
        return [
            self._event(f"{item.events}.done", **item.place, text=item.text, **item.logprobs),
            self._event("response.content_part.done", **item.place, part=item.part),
            self._event("response.output_item.done", output_index=item.index, item=whole),
        ]

    @property
    def _status(self) -> str:
        return "incomplete" if self._reason == "length" else "completed"

    def _whole(self, usage: Usage) -> Json:
        counts = {
            "input_tokens": usage.prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.completion,
            "output_tokens_details": {"reasoning_tokens": usage.reasoning or 0},
            "total_tokens": usage.prompt + usage.completion,
        }
        *before, last = self._items
        items = [*(item.json("completed", [item.part]) for item in before), last.json(self._status, [last.part])]
        return self._response(self._status, items, counts)

    def _response(self, status: str, output: list[Json], usage: Json | None) -> Json:
        return {
            "id": self.id,
            "object": "response",
            "created_at": self.created,
            "status": status,
            "model": self.model,
            "output": output,
            "usage": usage,
            "error": None,
            "incomplete_details": {"reason": "max_output_tokens"} if status == "incomplete" else None,
            "instructions": None,
            "metadata": {},
            "parallel_tool_calls": False,
            "tool_choice": "none",
            "tools": [],
        }

    def _event(self, kind: str, **content: object) -> Json:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **content}
