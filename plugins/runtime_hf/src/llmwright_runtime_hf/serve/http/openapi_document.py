"""The server's OpenAPI document: ``GET /openapi.json``, as vLLM's server has it."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from llmwright_runtime_hf.serve.http.adapter_routes import LOAD, UNLOAD, LoadRequest, UnloadRequest
from llmwright_runtime_hf.serve.http.json_text import SafeJsonResponse
from llmwright_runtime_hf.serve.http.request_fields import CHAT, CHAT_COMPLETIONS, COMPLETIONS
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest, PromptRequest
from llmwright_runtime_hf.serve.http.responses_request import RESPONSES, ResponsesRequest

Json = dict[str, Any]
BODIES: dict[str, type[BaseModel]] = {
    CHAT: PromptRequest,
    CHAT_COMPLETIONS: ChatCompletionRequest,
    COMPLETIONS: CompletionRequest,
    RESPONSES: ResponsesRequest,
}
ADAPTER_BODIES: dict[str, type[BaseModel]] = {LOAD: LoadRequest, UNLOAD: UnloadRequest}
"""Routes of a server that was started with directories or registries for adapters."""
REFUSALS = {
    "400": "the request is wrong, or asks for something that is not built",
    "401": "the API key is missing or wrong",
    "403": "adapters are not loaded from there",
    "404": "no such model",
    "413": "the body is too large",
    "415": "the body comes from a web page and is not announced as JSON, or it is compressed",
    "421": "another host is asked for",
    "429": "too many requests wait already",
    "503": "the server starts, ends, or has no room for more",
}
READ = {
    "/health": ("application/json", ("421", "503")),
    "/metrics": ("text/plain", ("421",)),
    "/openapi.json": ("application/json", ("401", "421")),
    "/v1/models": ("application/json", ("401", "421")),
    "/v1/models/{name}": ("application/json", ("401", "404", "421")),
    "/version": ("application/json", ("421",)),
}
"""The routes of GET: the type of what they answer, and their refusals."""


def add_openapi_document(app: FastAPI, title: str, *, hot_adapters: bool = False) -> None:
    """Add the route. The document is the same for every model; ``title`` is the program's name."""
    document = openapi_document(title, hot_adapters=hot_adapters)

    @app.api_route("/openapi.json", methods=["GET", "HEAD"], include_in_schema=False)
    async def openapi() -> SafeJsonResponse:
        return SafeJsonResponse(document)


def openapi_document(title: str, *, hot_adapters: bool = False) -> Json:
    """Return the document: every route that the server has for programs, and every field that is honoured.

    With ``hot_adapters`` adapters are loaded and unloaded by requests.
    """
    place = "#/components/schemas/{model}"
    bodies = BODIES | (ADAPTER_BODIES if hot_adapters else {})
    modes: list[tuple[type[BaseModel], Any]] = [(model, "validation") for model in bodies.values()]
    _, schemas = models_json_schema(modes, ref_template=place)
    error = {"type": "object", "required": ["error"], "properties": {"error": {"type": "object"}}}
    paths: Json = {path: {"post": _post(path, model)} for path, model in bodies.items()}
    paths |= {path: {"get": _get(path, kind, refusals)} for path, (kind, refusals) in READ.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": title, "version": "1"},
        "paths": paths,
        "components": {
            "schemas": {**schemas.get("$defs", {}), "Error": error},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}, {}],
    }


def _post(path: str, model: type[BaseModel]) -> Json:
    schema = {"$ref": f"#/components/schemas/{model.__name__}"}
    answer: Json = {
        "description": "the answer, as a stream where `stream` is true",
        "content": {"application/json": {"schema": {"type": "object"}}, "text/event-stream": {"schema": {}}},
    }
    refusals = REFUSALS.keys() - {"403"}
    if path in ADAPTER_BODIES:
        answer = {"description": "what was done", "content": {"text/plain": {"schema": {"type": "string"}}}}
        refusals = REFUSALS.keys() - {"429"}
    return {
        "summary": (model.__doc__ or "").partition("\n")[0],
        "requestBody": {"required": True, "content": {"application/json": {"schema": schema}}},
        "responses": {"200": answer, **_refusals(sorted(refusals))},
    }


def _get(path: str, kind: str, refusals: tuple[str, ...]) -> Json:
    answer = {"description": "the answer", "content": {kind: {"schema": {}}}}
    name = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
    return {
        "responses": {"200": answer, **_refusals(refusals)},
        **({"parameters": [name]} if "{name}" in path else {}),
    }


def _refusals(statuses: Any) -> Json:
    content = {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}}
    return {status: {"description": REFUSALS[status], "content": content} for status in statuses}
