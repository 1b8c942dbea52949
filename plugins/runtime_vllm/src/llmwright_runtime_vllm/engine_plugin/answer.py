"""The engine's answers in the form of ``/chat``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import Message, Receive, Scope, Send


class Answer:
    """An answer of an engine's route, as ``/chat`` gives it: a stream piece by piece, else once it is whole."""

    def __init__(self, send: Send, prefix: str = "") -> None:
        self.status = 0
        self.content = b""
        self._send, self._prefix = send, prefix
        self._streams = False
        self._last: dict[str, Any] = {"response": "", "model": None, "finish_reason": None, "usage": None}

    @property
    def lacks_template(self) -> bool:
        """Whether the engine says that the model has no chat template."""
        return self.status == 400 and b"chat template" in self.content

    async def send(self, message: Message) -> None:
        """Take a message of the engine's."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            kind = dict(message["headers"]).get(b"content-type", b"")
            self._streams = self.status == 200 and kind.startswith(b"text/event-stream")
            if self._streams:
                await self._send(message)
                if self._prefix:
                    await self._write({"response": self._prefix, "model": None})
        elif message["type"] == "http.response.body":
            self.content += message.get("body", b"")
            if self._streams:
                await self._stream(more=message.get("more_body", False))

    async def _stream(self, *, more: bool) -> None:
        *events, self.content = self.content.split(b"\n\n")
        for event in events:
            data = event.removeprefix(b"data:").strip()
            if data == b"[DONE]":
                await self._write(self._last)
                await self._send({"type": "http.response.body", "body": b"data: [DONE]\n\n", "more_body": True})
            elif data:
                await self._pass_on(json.loads(data))
        if not more:
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pass_on(self, chunk: dict[str, Any]) -> None:
        if "choices" not in chunk:
            await self._write(chunk)
            return
        self._last |= {"model": chunk.get("model")} | ({"usage": chunk["usage"]} if chunk.get("usage") else {})
        for choice in chunk["choices"]:
            self._last["finish_reason"] = choice.get("finish_reason") or self._last["finish_reason"]
            piece = choice["delta"].get("content") if "delta" in choice else choice.get("text")
            if piece:
                await self._write({"response": piece, "model": chunk.get("model")})

    async def _write(self, chunk: Mapping[str, Any]) -> None:
        line = b"data: " + json.dumps(chunk).encode() + b"\n\n"
        await self._send({"type": "http.response.body", "body": line, "more_body": True})

    async def end(self, scope: Scope, receive: Receive) -> None:
        """Send what is no stream: the answer in the form of ``/chat``, or the engine's error as it is."""
        if self._streams:
            return
        content = json.loads(self.content) if self.content else {}
        if self.status == 200:
            choice = content["choices"][0]
            text = self._prefix + ((choice["message"]["content"] if "message" in choice else choice["text"]) or "")
            end = {"model": content["model"], "finish_reason": choice["finish_reason"], "usage": content["usage"]}
            content = {"response": text, "Result": text, **end}
        await JSONResponse(content, self.status or 500)(scope, receive, self._send)
