"""``/v1/load_lora_adapter`` and ``/v1/unload_lora_adapter``: vLLM's routes, for adapters of named places alone."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

from fastapi import Depends, FastAPI
from fastapi.responses import PlainTextResponse, Response
from pydantic import BaseModel, ConfigDict, Field

from llmwright.catalogue.adapter_directory import refuse_links
from llmwright.catalogue.adapter_rules import name_problem
from llmwright.errors import ConfigError, LLMwrightError, NotYet, TargetError
from llmwright_runtime_hf.serve.adapter_registry import SCHEME, AdapterRegistries, RegistryRefusedError
from llmwright_runtime_hf.serve.engine.interface import Engine
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.request_body import json_body
from llmwright_runtime_hf.serve.serve_options import AdapterSpec, ServeOptions

_REGISTRY_REASONS = frozenset({"Unreachable", "RegistryError"})
LOAD, UNLOAD = "/v1/load_lora_adapter", "/v1/unload_lora_adapter"


class LoadRequest(BaseModel):
    """An adapter to serve as ``lora_name``, from ``lora_path``: a directory, or an image (``oci://…``).

    ``load_inplace`` replaces one of that name. ``strength`` is KAITO's, and no field of vLLM's.
    """

    model_config = ConfigDict(extra="forbid")

    lora_name: str
    lora_path: str
    load_inplace: bool = False
    is_3d_lora_weight: Literal[False] = False
    strength: float = Field(default=1.0, ge=0, le=1, allow_inf_nan=False)


class UnloadRequest(BaseModel):
    """The adapter ``lora_name``. vLLM's ``lora_int_id`` has no effect, there and here."""

    model_config = ConfigDict(extra="forbid")

    lora_name: str
    lora_int_id: int | None = None


class AdapterChanges:
    """Load and unload adapters, one at a time."""

    def __init__(self, engine: Engine, directories: Sequence[Path], registries: Sequence[str] = ()) -> None:
        self._engine = engine
        self._directories = [directory.resolve() for directory in directories]
        self._registries = AdapterRegistries(registries)
        self._turn = asyncio.Lock()

    async def load(self, request: LoadRequest) -> str:
        """Serve an adapter; return vLLM's words. Raises ApiError."""
        name = request.lora_name
        async with self._turn:
            self._check_name(name, replaces=request.load_inplace)
            await asyncio.to_thread(self._load, name, request)
        return f"Success: LoRA adapter '{name}' added successfully."

    async def unload(self, request: UnloadRequest) -> str:
        """Serve an adapter no longer; return vLLM's words. Raises ApiError."""
        name, served = request.lora_name, self._engine.served
        async with self._turn:
            if name == served.served_model_name or name not in served.model_names:
                message = f"The lora adapter '{name}' cannot be found."
                raise ApiError(404, message, param="lora_name", code="model_not_found")
            try:
                await asyncio.to_thread(self._engine.unload_adapter, name)
            except NotYet as error:
                raise ApiError(503, error.message, code="not_ready") from error
        return f"Success: LoRA adapter '{name}' removed successfully."

    def _check_name(self, name: str, *, replaces: bool) -> None:
        if wrong := name_problem(name):
            raise _wrong("lora_name", wrong)
        if name == self._engine.served.served_model_name:
            raise _wrong("lora_name", f"The lora adapter '{name}' conflicts with a served base model.")
        if name in self._engine.served.model_names and not replaces:
            hint = "If you want to load the adapter in place, set 'load_inplace' to True."
            raise _wrong("lora_name", f"The lora adapter '{name}' has already been loaded. {hint}")

    def _load(self, name: str, request: LoadRequest) -> None:
        try:
            with self._place(name, request.lora_path) as path:
                self._engine.load_adapter(AdapterSpec(name, path, request.strength))
        except NotYet as error:
            raise ApiError(503, error.message, code="not_ready") from error
        except LLMwrightError as error:
            if isinstance(error, TargetError) and error.reason in _REGISTRY_REASONS:
                raise ApiError(
                    503, f"lora_path: {error.text}", param="lora_path", code="registry_unreachable"
                ) from error
            raise _wrong("lora_path", error.text) from error

    @contextmanager
    def _place(self, name: str, written: str) -> Iterator[Path]:
        """Yield the adapter's directory. No link in it leads elsewhere."""
        if not written.startswith(SCHEME):
            yield self._directory(name, written)
            return
        try:
            with self._registries.pulled(written) as path:
                refuse_links(path, [path], f"adapter {name}")
                yield path
        except RegistryRefusedError as refused:
            places = f"come from {refused}" if str(refused) else "come from no registry"
            message = f"lora_path: images of adapters {places} (runtimeConfig.adapterRegistries)"
            raise ApiError(403, message, param="lora_path", code="not_allowed") from None

    def _directory(self, name: str, written: str) -> Path:
        """Return the real path of the adapter: no link may lead elsewhere after this look."""
        try:
            path = Path(written).resolve()
        except (ValueError, OSError, RuntimeError):
            raise _wrong("lora_path", "a path is wanted") from None
        if not any(path.is_relative_to(each) and path != each for each in self._directories):
            places = ", ".join(map(str, self._directories)) or "no directory"
            message = f"lora_path: adapters are loaded from {places} (runtimeConfig.adapterDirectories)"
            raise ApiError(403, message, param="lora_path", code="not_allowed")
        try:
            refuse_links(path, self._directories, f"adapter {name}")
        except ConfigError as error:
            raise _wrong("lora_path", error.message) from error
        return path


def add_adapter_routes(app: FastAPI, options: ServeOptions, engine: Engine) -> None:
    """Add the two routes where the options name directories or registries for adapters."""
    if not options.hot_adapters:
        return
    changes = AdapterChanges(engine, options.adapter_directories, options.adapter_registries)

    @app.post(LOAD)
    async def load(request: Annotated[LoadRequest, Depends(json_body(LoadRequest))]) -> Response:
        return PlainTextResponse(await changes.load(request))

    @app.post(UNLOAD)
    async def unload(request: Annotated[UnloadRequest, Depends(json_body(UnloadRequest))]) -> Response:
        return PlainTextResponse(await changes.unload(request))


def _wrong(param: str, message: str) -> ApiError:
    return ApiError(400, f"{param}: {message}", param=param, code="invalid_value")
