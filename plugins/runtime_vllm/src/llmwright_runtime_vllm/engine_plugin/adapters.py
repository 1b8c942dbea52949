"""Adapters that are loaded while the engine runs: from the directories that the Workspace names, and no others."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from llmwright.catalogue.adapter_rules import name_problem

from .adapter_files import FIELD, BaseModel, judge
from .chat import read_body, with_body
from .fields import Refused

VARIABLE = "LLMWRIGHT_ADAPTER_DIRECTORIES"
BASE_VARIABLE = "LLMWRIGHT_BASE_MODEL"
"""JSON about the base: ``sizes`` of its layers, whether they are ``complete``, and the number of ``layers``."""
KNOWN = frozenset({"lora_name", "lora_path", "load_inplace", "is_3d_lora_weight", "strength"})
_FAILED = 500
_OWN_FAULT = ("out of memory", "EngineCore", "EngineDead")
"""Words of failures that are the engine's own, whatever the adapter is."""


def directories(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the directories that ``environ`` names."""
    return tuple(each for each in environ.get(VARIABLE, "").split(":") if each)


class FromDirectories:
    """The engine's ``/v1/load_lora_adapter``, for paths below ``directories``. By itself it also asks the hub.

    ``lives`` says whether the engine goes on: then an adapter that it could not load is the request's mistake.
    """

    def __init__(
        self, app: ASGIApp, directories: tuple[str, ...], base: BaseModel, lives: Callable[[], bool] = lambda: True
    ) -> None:
        self._app = app
        self._directories = [Path(each).resolve() for each in directories]
        self._base = base
        self._lives = lives

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # In a thread: a file system that is slow must not hold up the answers under way.
            content = await asyncio.to_thread(self._allowed, await read_body(receive))
            failure = _Failure(send)
            await self._app(scope, with_body(content, receive), failure.send)
            if failure.status:
                self._refuse(failure)
        except Refused as refused:
            await JSONResponse(refused.as_json, refused.status)(scope, receive, send)
            return
        await failure.pass_on()

    def _allowed(self, content: bytes) -> bytes:
        """Return the body with the real path of the adapter: no link may lead elsewhere after this look."""
        body = _fields(content)
        try:
            path = Path(body["lora_path"]).resolve()
        except (ValueError, TypeError, KeyError, OSError, RuntimeError):
            raise Refused(FIELD, "a path is wanted") from None
        if not any(path.is_relative_to(each) and path != each for each in self._directories):
            places = ", ".join(map(str, self._directories)) or "nowhere"
            raise Refused(FIELD, f"adapters are loaded from {places} (runtimeConfig.adapterDirectories)", 403)
        judge(path, self._directories, self._base)
        return json.dumps({**body, "lora_path": str(path)}).encode()

    def _refuse(self, failure: _Failure) -> None:
        """Raise Refused with the engine's words where the adapter is at fault, and not the engine."""
        words = failure.message
        if self._lives() and words and not any(fault in words for fault in _OWN_FAULT):
            raise Refused(FIELD, f"the engine cannot load it: {words}")


def _fields(content: bytes) -> dict[str, Any]:
    """Return the fields of a request to load, without those that ask for nothing."""
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise Refused("body", f"is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise Refused("body", "is no JSON object")
    unknown = sorted(body.keys() - KNOWN)
    if unknown:
        raise Refused(unknown[0], "is no field of this request")
    strength = body.pop("strength", None)
    if isinstance(strength, bool) or strength not in (None, 1):
        raise Refused("strength", "vLLM serves each adapter as it was trained; leave it out, or write runtime: hf")
    name = body.get("lora_name")
    problem = name_problem(name) if isinstance(name, str) else "a text is wanted"
    if problem:
        raise Refused("lora_name", problem)
    return body


class _Failure:
    """The engine's answer, passed on as it comes, but for a failure: that is kept until somebody has judged it."""

    def __init__(self, send: Send) -> None:
        self.status = 0
        self._send = send
        self._kept: list[Message] = []

    @property
    def message(self) -> str:
        """The engine's words; empty where it has none."""
        try:
            error = json.loads(b"".join(message.get("body", b"") for message in self._kept))["error"]
            return str(error["message"])
        except (ValueError, LookupError, TypeError):
            return ""

    async def send(self, message: Message) -> None:
        """Take a message of the engine's."""
        if message["type"] == "http.response.start" and message["status"] == _FAILED:
            self.status = _FAILED
        if self.status:
            self._kept.append(message)
        else:
            await self._send(message)

    async def pass_on(self) -> None:
        """Send what was kept."""
        for message in self._kept:
            await self._send(message)
