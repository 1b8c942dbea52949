"""The JSON of ``/v1/responses``, full and streamed."""

from __future__ import annotations

import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field

from llmwright_runtime_hf.serve.engine.interface import Finished, Text
from llmwright_runtime_hf.serve.http.responses import Choice, Json, Usage


@dataclass(slots=True)
class ResponsesFormat:
    """OpenAI's ``response`` with one message of text. Each event of a stream is named and numbered."""

    model: str
    id: str = field(default_factory=lambda: f"resp_{uuid.uuid4().hex}")
    message: str = field(default_factory=lambda: f"msg_{uuid.uuid4().hex}")
    created: int = field(default_factory=lambda: int(time.time()))
    named_events = True
    _text: str = ""
    _reason: str = "stop"
    _number: int = -1

    def full(self, choices: Sequence[Choice], usage: Usage) -> Json:
        (choice,) = choices
        self._text, self._reason = choice.text.text, choice.finished.reason
        return self._whole(usage)

    def first_chunks(self, choices: int) -> list[Json]:
        begun = self._response("in_progress", [], None)
        item = {"id": self.message, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        return [
            self._event("response.created", response=begun),
            self._event("response.in_progress", response=begun),
            self._event("response.output_item.added", output_index=0, item=item),
            self._event("response.content_part.added", **self._place(), part=_part("")),
        ]

    def text_chunks(self, choice: int, text: Text) -> list[Json]:
        self._text += text.text
        return [self._event("response.output_text.delta", **self._place(), delta=text.text, logprobs=[])]

    def last_chunks(self, choice: int, finished: Finished) -> list[Json]:
        self._reason = finished.reason
        return [
            self._event("response.output_text.done", **self._place(), text=self._text, logprobs=[]),
            self._event("response.content_part.done", **self._place(), part=_part(self._text)),
            self._event("response.output_item.done", output_index=0, item=self._item()),
        ]

    def final_chunks(self, usage: Usage, *, wanted: bool) -> list[Json]:
        return [self._event(f"response.{self._status}", response=self._whole(usage))]

    @property
    def _status(self) -> str:
        return "incomplete" if self._reason == "length" else "completed"

    def _whole(self, usage: Usage) -> Json:
        counts = {
            "input_tokens": usage.prompt,
            "input_tokens_details": {"cached_tokens": 0},
            "output_tokens": usage.completion,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": usage.prompt + usage.completion,
        }
        return self._response(self._status, [self._item()], counts)

    def _item(self) -> Json:
        content = [_part(self._text)]
        return {
            "id": self.message,
            "type": "message",
            "role": "assistant",
            "status": self._status,
            "content": content,
        }

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

    def _place(self) -> Json:
        return {"item_id": self.message, "output_index": 0, "content_index": 0}

    def _event(self, kind: str, **content: object) -> Json:
        self._number += 1
        return {"type": kind, "sequence_number": self._number, **content}


def _part(text: str) -> Json:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
