"""Adapters that are loaded while the engine runs: from the directories that the Workspace names, and no others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from .chat import read_body, with_body
from .fields import Refused

VARIABLE = "LLMWRIGHT_ADAPTER_DIRECTORIES"
WEIGHTS = "adapter_model.safetensors"


def directories(environ: Mapping[str, str]) -> tuple[str, ...]:
    """Return the directories that ``environ`` names."""
    return tuple(each for each in environ.get(VARIABLE, "").split(":") if each)


class FromDirectories:
    """The engine's ``/v1/load_lora_adapter``, for paths below ``directories``. By itself it also asks the hub."""

    def __init__(self, app: ASGIApp, directories: tuple[str, ...]) -> None:
        self._app = app
        self._directories = [Path(each).resolve() for each in directories]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            content = self._allowed(await read_body(receive))
        except Refused as refused:
            error = {"message": str(refused), "type": "BadRequestError", "param": refused.field, "code": refused.status}
            await JSONResponse({"error": error}, refused.status)(scope, receive, send)
            return
        await self._app(scope, with_body(content, receive), send)

    def _allowed(self, content: bytes) -> bytes:
        """Return the body with the real path of the adapter: no link may lead elsewhere after this look."""
        try:
            body = json.loads(content)
            path = Path(body["lora_path"]).resolve()
        except (ValueError, TypeError, KeyError, OSError, RecursionError):
            raise Refused("lora_path", "a path is wanted") from None
        if not any(path.is_relative_to(each) and path != each for each in self._directories):
            places = ", ".join(map(str, self._directories)) or "nowhere"
            raise Refused("lora_path", f"adapters are loaded from {places} (runtimeConfig.adapterDirectories)", 403)
        if not (path / WEIGHTS).is_file():
            raise Refused("lora_path", f"has no {WEIGHTS}; other formats can run code")
        return json.dumps({**body, "lora_path": str(path)}).encode()
