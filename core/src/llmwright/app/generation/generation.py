"""A run over a file of requests: so many at a time, each answer written as soon as it is there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from llmwright.app.event_loop import run_apart
from llmwright.app.generation.input_file import LineRequest
from llmwright.app.generation.output_file import OutputFile
from llmwright.app.model_client import sendable_key
from llmwright.artifacts.addresses import parse_url
from llmwright.artifacts.network_environment import proxy_for, trust
from llmwright.errors import ConfigError, LLMwrightError, TargetError

CONNECT_S = 10.0
BUSY = (429, 503)
"""Statuses by which a server that is there asks to be asked later."""

_FIRST_PAUSE_S, _MOST_PAUSE_S = 0.5, 30.0
_MOST_TRIES = 8
_MOST_BYTES = 64 * 1024 * 1024
_AGAIN = "the answers so far are kept: the same command goes on with the rest"

OnAnswer = Callable[["Progress"], object]
"""Called after each line that was written."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How many lines there are, and how many of them are ``answered`` and ``failed``, earlier runs included."""

    requests: int
    answered: int
    failed: int


class Generation:
    """Sends the open requests of ``output`` to the server at ``url``, without the path of the API.

    Args:
        api_key: sent as a bearer token.
        concurrency: requests under way at a time.
        timeout_s: the longest time for a request and its answer.
        pause_s: the first pause before a busy server is asked again; doubled each time.
    """

    def __init__(
        self,
        url: str,
        api_key: str | None,
        output: OutputFile,
        requests: int,
        *,
        concurrency: int,
        timeout_s: float,
        on_answer: OnAnswer | None = None,
        pause_s: float = _FIRST_PAUSE_S,
    ) -> None:
        location = parse_url(url)
        key = sendable_key(api_key)
        self._output = output
        self._requests = requests
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._on_answer = on_answer
        self._pause_s = pause_s
        # Reading the certificates takes longer than a short run.
        verify = trust() if location.scheme == "https" else False
        limits = httpx.Limits(max_connections=concurrency, max_keepalive_connections=concurrency)
        self._transport = httpx.AsyncHTTPTransport(verify=verify, proxy=proxy_for(location), limits=limits)
        self._client = httpx.AsyncClient(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"} if key else {},
            timeout=httpx.Timeout(timeout_s, connect=min(CONNECT_S, timeout_s), pool=None),
            trust_env=False,
            transport=self._transport,
        )

    @property
    def progress(self) -> Progress:
        """The numbers of lines that were written."""
        return Progress(self._requests, self._output.answered, self._output.failed)

    def run(self) -> Progress:
        """Answer all requests that have no line yet.

        Raises:
            ConfigError: the server refuses the key.
            TargetError: it does not answer any more, or the file cannot be written.
        """
        run_apart(self._run(), "generation")
        return self.progress

    async def _run(self) -> None:
        queue = self._output.open_requests[::-1]
        workers = [asyncio.create_task(self._work(queue)) for _ in range(min(self._concurrency, len(queue)))]
        async with self._client:
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)

    async def _work(self, queue: list[LineRequest]) -> None:
        while queue:
            request = queue.pop()
            response, error = await self._answer(request)
            self._output.write(request, response, error)
            if self._on_answer is not None:
                self._on_answer(self.progress)

    async def _answer(self, request: LineRequest) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
        """Return ``response`` and ``error`` of the line. A server that is away ends the run, and writes no line."""
        pause = self._pause_s
        for tried in range(1, _MOST_TRIES + 1):
            last = tried == _MOST_TRIES
            try:
                answer = await self._client.post(request.route, json=request.body)
            except httpx.ReadTimeout:
                return None, _error("timeout", f"no whole answer within {self._timeout_s:g} s")
            except (httpx.HTTPError, httpx.InvalidURL) as failure:
                if last:
                    raise self._away(failure) from failure
            else:
                self._check_key(answer)
                if answer.status_code not in BUSY or last:
                    return _line(answer)
                pause = max(pause, _retry_after(answer))
            await asyncio.sleep(min(pause, _MOST_PAUSE_S))
            pause *= 2
        raise AssertionError("the last try returns or raises")

    def _check_key(self, answer: httpx.Response) -> None:
        if answer.status_code in (401, 403):
            raise ConfigError(f"{self._client.base_url} refuses the API key", hint="set LLMWRIGHT_API_KEY")

    def _away(self, failure: Exception) -> LLMwrightError:
        why = str(failure) or type(failure).__name__
        return TargetError(
            f"{self._client.base_url} does not answer any more: {why}", hint=_AGAIN, reason="EndpointUnreachable"
        )


def _line(answer: httpx.Response) -> tuple[Mapping[str, Any] | None, Mapping[str, Any] | None]:
    """Return ``response`` and ``error`` for an answer of the server, as OpenAI's batch files have them."""
    try:
        body = answer.json() if len(answer.content) <= _MOST_BYTES else None
    except (ValueError, RecursionError):
        body = None
    if isinstance(body, dict):
        return {"status_code": answer.status_code, "request_id": answer.headers.get("x-request-id"), "body": body}, None
    return None, _error("malformed_answer", f"HTTP {answer.status_code}, and no JSON object: {answer.text[:200]!r}")


def _error(code: str, message: str) -> Mapping[str, Any]:
    return {"code": code, "message": message}


def _retry_after(answer: httpx.Response) -> float:
    value = answer.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else 0.0
