"""``BenchmarkClient``: sends requests to one endpoint, and times their answers.

By aiohttp, whose parser is compiled: a client that shares the machine with the server takes CPU time from it.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from types import TracebackType
from typing import Any

from llmwright.app.benchmark.answer_reader import AnswerReader
from llmwright.app.benchmark.record import (
    BROKEN_STREAM,
    CONNECTION_LOST,
    MALFORMED,
    NO_CONNECTION,
    STREAM_ERROR,
    TIMEOUT,
    Failure,
    Record,
)
from llmwright.app.benchmark.request import Request
from llmwright.app.model_answers import begins_as_events, error_text, object_of, whole_text
from llmwright.app.model_client import sendable_key
from llmwright.artifacts.addresses import parse_url
from llmwright.artifacts.network_environment import proxy_for, trust
from llmwright.errors import ConfigError, TargetError
from llmwright.plugins.installing import pip_install

try:
    import aiohttp
except ImportError as error:
    raise ConfigError(
        f"requests are sent by aiohttp, which cannot be imported: {error}", hint=pip_install("llmwright[bench]")
    ) from error

CONNECT_S = 10.0
END_S = 1.0
"""From ``[DONE]`` to the end of the response."""

MOST_BYTES = 64 * 1024 * 1024
SHOWN_BYTES = 64 * 1024
SHOWN = 300


class BenchmarkClient:
    """A client of the endpoint at ``url``, for ``async with``. It keeps its connections, and follows no redirect.

    Args:
        url: without the path of the API.
        api_key: sent as a bearer token.
        timeout_s: the longest time for a request and its whole answer.
    """

    def __init__(self, url: str, api_key: str | None, timeout_s: float) -> None:
        location = parse_url(url)
        self._url = url
        self._timeout_s = timeout_s
        self._connect_s = min(CONNECT_S, timeout_s)
        self._proxy = proxy_for(location)
        self._headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if key := sendable_key(api_key):
            self._headers["Authorization"] = f"Bearer {key}"
        self._trust = trust() if location.scheme == "https" else None

    async def __aenter__(self) -> BenchmarkClient:
        connector = aiohttp.TCPConnector(limit=0, ssl=self._trust if self._trust is not None else True)
        self._http = aiohttp.ClientSession(
            connector=connector,
            headers=self._headers,
            timeout=aiohttp.ClientTimeout(total=self._timeout_s, sock_connect=self._connect_s),
            cookie_jar=aiohttp.DummyCookieJar(),
            read_bufsize=2**18,
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.close()

    async def send(self, request: Request) -> Record:
        """Return what came back for ``request``. A failure of any kind is in the record, and never raised."""
        content = json.dumps(request.body).encode()
        reader = AnswerReader()
        began = time.perf_counter()
        failure = await self._exchange(request.path, content, reader)
        return Record(
            began=began,
            ended=reader.done or time.perf_counter(),
            pieces=reader.pieces,
            input_tokens=reader.input_tokens,
            output_tokens=reader.output_tokens,
            max_tokens=request.max_tokens,
            failure=failure,
        )

    async def _exchange(self, path: str, content: bytes, reader: AnswerReader) -> Failure | None:
        answering = False
        try:
            async with self._http.post(
                self._url + path, data=content, proxy=self._proxy, allow_redirects=False
            ) as response:
                answering = True
                return await self._read(response, reader)
        except aiohttp.ServerTimeoutError:
            return Failure(NO_CONNECTION, f"nobody took the connection within {self._connect_s:g} s")
        except TimeoutError:
            return Failure(TIMEOUT, f"no whole answer within {self._timeout_s:g} s")
        except aiohttp.ClientConnectorError as error:
            return Failure(NO_CONNECTION, _words(error))
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError) as error:
            if answering:
                return Failure(BROKEN_STREAM, "the response broke off in the middle of the answer")
            return Failure(CONNECTION_LOST, _words(error))
        except TargetError as error:
            return Failure(STREAM_ERROR if error.reason == "AnswerBrokeOff" else MALFORMED, error.message[:SHOWN])
        except (aiohttp.ClientError, ValueError) as error:
            return Failure(MALFORMED, _words(error))

    async def _read(self, response: aiohttp.ClientResponse, reader: AnswerReader) -> Failure | None:
        if response.status != 200:
            return _refusal(response, await _bytes_of(response, SHOWN_BYTES))
        first = await response.content.readany()
        if response.content_type != "text/event-stream" and not begins_as_events(first.decode("utf-8", "replace")):
            _take_whole(first + await _bytes_of(response, MOST_BYTES), response.url.path, reader)
            return None
        reader.feed(first, time.perf_counter())
        while reader.done is None and (chunk := await response.content.readany()):
            reader.feed(chunk, time.perf_counter())
        reader.close(time.perf_counter())
        if reader.done is not None:
            await _end(response)
        return None if reader.complete else Failure(BROKEN_STREAM, "the stream ended in the middle of the answer")


async def _end(response: aiohttp.ClientResponse) -> None:
    """Read to the end of a response whose answer is whole, for its connection; a server that goes on is left."""
    with contextlib.suppress(TimeoutError, aiohttp.ClientError):
        async with asyncio.timeout(END_S):
            while await response.content.readany():
                pass


def _take_whole(content: bytes, path: str, reader: AnswerReader) -> None:
    answer = object_of(content.decode("utf-8", "replace"), path)
    whole_text(answer)
    reader.take_whole(answer)


async def _bytes_of(response: aiohttp.ClientResponse, most: int) -> bytes:
    """Return the first ``most`` bytes of the body."""
    content = bytearray()
    async for chunk in response.content.iter_any():
        content += chunk
        if len(content) >= most:
            break
    return bytes(content[:most])


def _refusal(response: aiohttp.ClientResponse, content: bytes) -> Failure:
    text = content.decode("utf-8", "replace")
    try:
        message = error_text(json.loads(text)) or text
    except (ValueError, RecursionError):
        message = text
    words = " ".join((message or response.reason or "").split())[:SHOWN]
    return Failure(f"HTTP {response.status}", words, response.status)


def _words(error: Any) -> str:
    return " ".join(str(error).split())[:SHOWN] or type(error).__name__
