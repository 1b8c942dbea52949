"""Ray Serve LLM's OpenAI ingress, which also knows the names of adapters that the engine has loaded at its start."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from http import HTTPStatus
from typing import Annotated, Any

from fastapi import Request, Response
from pydantic import ValidationError, WrapValidator
from ray.llm._internal.serve.core.configs.openai_api_models import (
    ChatCompletionRequest,
    CompletionRequest,
    OpenAIHTTPException,
    TokenizeRequest,
)
from ray.llm._internal.serve.core.ingress.ingress import OpenAiIngress
from ray.serve.exceptions import BackPressureError

from llmwright_runtime_ray.serve.loopback import keep_to_loopback


def _read(value: Any, read: Callable[[Any], Any]) -> Any:
    """Return the request that ``read`` makes of a body.

    Raises:
        ValueError: a field is of another type than the engine's own validators take for granted.
    """
    try:
        return read(value)
    except ValidationError:
        raise
    except (TypeError, AttributeError, LookupError) as error:
        raise ValueError(f"a field is of a wrong type: {error}") from error


Sound = WrapValidator(_read)


class LlmIngress(OpenAiIngress):  # type: ignore[misc]
    """The ingress. By itself it knows adapters in a cloud's storage alone, and loads them on demand."""

    def __init__(
        self, *parts: Any, names: Sequence[str], default_model: str, on_demand: bool = False, **named: Any
    ) -> None:
        """``on_demand``: a replica holds some of the adapters, and those that do are asked first."""
        keep_to_loopback()
        super().__init__(*parts, **named)
        self._names, self._default_model, self._on_demand = tuple(names), default_model, on_demand

    async def _get_model_id(self, model: str | None) -> str:
        name = model or self._default_model
        if name not in self._names:
            message = f"there is no model {name!r}; there are {', '.join(self._names)}"
            raise OpenAIHTTPException(status_code=HTTPStatus.NOT_FOUND, message=message)
        return name

    def _get_configured_serve_handle(self, model_id: str) -> Any:
        handle = super()._get_configured_serve_handle(self._names[0])
        if model_id == self._names[0] or not self._on_demand:
            # A request for the base goes to any replica; so does one for an adapter that each of them holds.
            return handle
        if model_id not in self._configured_serve_handles:
            self._configured_serve_handles[model_id] = handle.options(multiplexed_model_id=model_id)
        return self._configured_serve_handles[model_id]

    async def _get_response(self, *, body: Any, **named: Any) -> AsyncGenerator[Any, None]:
        body.model = body.model or self._default_model
        try:
            async for response in super()._get_response(body=body, **named):
                yield response
        except BackPressureError as error:
            message = "too many requests wait already, try again"
            raise OpenAIHTTPException(status_code=HTTPStatus.TOO_MANY_REQUESTS, message=message) from error

    async def chat(self, body: Annotated[ChatCompletionRequest, Sound], request: Request) -> Response:
        """Answer a conversation."""
        response: Response = await super().chat(body, request)
        return response

    async def completions(self, body: Annotated[CompletionRequest, Sound], request: Request) -> Response:
        """Continue a text."""
        response: Response = await super().completions(body, request)
        return response

    async def tokenize(self, body: Annotated[TokenizeRequest, Sound], request: Request) -> Response:
        """Count the tokens of a prompt, or of a conversation: the engine does both, and Ray's own route the first."""
        response: Response = await super().tokenize(body, request)
        return response
