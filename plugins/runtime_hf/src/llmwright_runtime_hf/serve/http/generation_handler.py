"""One generation request, from its parsed body to its response; the three generation routes share it."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING

from fastapi import Request
from fastapi.responses import Response

from llmwright_runtime_hf.serve.engine.interface import Engine, Failed, Finished
from llmwright_runtime_hf.serve.http.client_disconnect import cancelled_at_exit, result_or_disconnect
from llmwright_runtime_hf.serve.http.event_channel import EventChannel, TextCollector
from llmwright_runtime_hf.serve.http.event_stream import stream_response
from llmwright_runtime_hf.serve.http.format_of_request import format_of
from llmwright_runtime_hf.serve.http.job_batch import JobBatch
from llmwright_runtime_hf.serve.http.json_text import SafeJsonResponse
from llmwright_runtime_hf.serve.http.openai_errors import CLIENT_CLOSED_REQUEST, ApiError
from llmwright_runtime_hf.serve.http.prompt_length import check_length
from llmwright_runtime_hf.serve.http.request_to_job import batch_of_request, resolve_model
from llmwright_runtime_hf.serve.http.requests import (
    AnyRequest,
    ChatCompletionRequest,
    refuse_many_choices,
    reject_unsupported_fields,
)
from llmwright_runtime_hf.serve.http.responses import Choice, ResponseFormat
from llmwright_runtime_hf.serve.serve_options import ServeOptions

if TYPE_CHECKING:
    from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_LONG_CHARACTERS = 128 * 1024
_RETRY_AFTER_S = 2
"""Until one of many has been answered. OpenAI's client waits that long and asks again by itself."""


class GenerationHandler:
    """Check a request, generate, and answer in the format of its route."""

    def __init__(self, options: ServeOptions, engine: Engine) -> None:
        self._options = options
        self._engine = engine
        self._long = asyncio.Semaphore(1)
        self._shaped = asyncio.Semaphore(1)

    async def handle(
        self,
        http_request: Request,
        request: AnyRequest,
        make_format: Callable[[str], ResponseFormat] | None = None,
    ) -> Response:
        """Return the response, in the format that ``make_format`` makes for a model, else in that of the request.

        Raises:
            ApiError: no answer.
        """
        reject_unsupported_fields(request)
        refuse_many_choices(request, self._options.max_n_sequences)
        model = resolve_model(request.model, self._engine.served)
        loaded = self._engine.loaded
        if loaded is None or self._engine.state.phase != "ready":
            why = f"not ready: {self._engine.state.reason}"
            raise ApiError(503, why, code="not_ready", retry_after_s=_RETRY_AFTER_S)
        self._refuse_when_full()
        batch = await result_or_disconnect(http_request, self._batch(request, model, loaded))
        if batch is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        # Once more: while prompts were read, others came.
        self._refuse_when_full()
        usual = partial(format_of, request, batch=batch, parser=loaded.tool_call_parser)
        response_format = (make_format or usual)(model)
        if request.stream:
            return stream_response(self._engine, batch, response_format, usage=request.wants_usage)
        return await self._full_response(http_request, batch, response_format)

    def _refuse_when_full(self) -> None:
        if self._engine.full:
            waiting = f"{self._options.max_queued_requests} requests wait already"
            raise ApiError(429, f"{waiting}: ask again later", code="queue_full", retry_after_s=_RETRY_AFTER_S)

    async def _batch(self, request: AnyRequest, model: str, loaded: LoadedModel) -> JobBatch:
        """Tokenise the prompts in another thread: in the event loop a long one would block /health, and probes fail.

        Long prompts are read one at a time, and grammars made one at a time: many of them leave threads and memory for
        everybody else.
        """
        length = check_length(request, loaded)
        left = threading.Event()
        try:
            # The limit before the thread: threads that only wait for their turn would be none for short prompts.
            async with self._turn(request, length):
                return await asyncio.to_thread(batch_of_request, request, model, loaded, left.is_set)
        finally:
            # Nothing else stops the thread when the client has gone.
            left.set()

    def _turn(self, request: AnyRequest, length: int) -> contextlib.AbstractAsyncContextManager[None]:
        if length > _LONG_CHARACTERS:
            return self._long
        demands = isinstance(request, ChatCompletionRequest) and bool(request.demanded)
        return self._shaped if demands or request.is_shaped else contextlib.nullcontext()

    async def _full_response(self, http_request: Request, batch: JobBatch, response_format: ResponseFormat) -> Response:
        channel = EventChannel()
        collector = TextCollector(channel, len(batch.jobs))
        with cancelled_at_exit(self._engine, batch.jobs, collector.put):
            ends = await result_or_disconnect(http_request, _all_ends(channel, len(batch.jobs)))
        if ends is None:
            return Response(status_code=CLIENT_CLOSED_REQUEST)
        choices = [Choice(index, collector.texts(index), ends[index]) for index in range(len(batch.jobs))]
        return SafeJsonResponse(response_format.full(choices, batch.usage(ends.values())))


async def _all_ends(channel: EventChannel, count: int) -> dict[int, Finished]:
    """Wait for the ends of all choices. Raises ApiError for the first that fails."""
    ends: dict[int, Finished] = {}
    while len(ends) < count:
        choice, event = await channel.get()
        if isinstance(event, Failed):
            raise ApiError(event.status, event.message, again=event.status != HTTPStatus.REQUEST_TIMEOUT)
        if isinstance(event, Finished):
            ends[choice] = event
    return ends
