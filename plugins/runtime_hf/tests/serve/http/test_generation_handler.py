"""Work that takes long leaves threads for requests that do not, and a full queue sends clients away for a while."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import openai
import pytest
from starlette.requests import Request
from starlette.types import Message
from tests.support.hf_server import metric, running_server
from tests.support.serve_options import options_for
from tests.support.tiny_models import ServedModels
from tests.support.waiting import wait_until

from llmwright_runtime_hf.serve.http import generation_handler
from llmwright_runtime_hf.serve.http.generation_handler import GenerationHandler
from llmwright_runtime_hf.serve.http.openai_errors import ApiError
from llmwright_runtime_hf.serve.http.requests import AnyRequest, ChatCompletionRequest, CompletionRequest

LOADED: Any = SimpleNamespace(context=10**6, most_characters=10**8)
TOOL = {"type": "function", "function": {"name": "now"}}
CALL = {"messages": [{"role": "user", "content": "a"}], "tools": [TOOL], "tool_choice": "required"}


@pytest.mark.parametrize(
    "slow",
    [
        CompletionRequest(prompt="a", guided_regex="(a{1000}){1000}"),
        ChatCompletionRequest.model_validate(CALL),
        CompletionRequest(prompt="a" * 200_000),
        CompletionRequest(prompt=["a" * 50_000] * 4),
    ],
    ids=["shape", "tool", "prompt", "prompts"],
)
def test_slow_requests_leave_threads_for_the_others(monkeypatch: pytest.MonkeyPatch, slow: AnyRequest) -> None:
    """There are few threads more than cores, and a grammar of 64 KiB takes seconds."""
    begun, end = list[AnyRequest](), threading.Event()

    def work(request: AnyRequest, *_: object) -> AnyRequest:
        begun.append(request)
        if request is slow:
            assert end.wait(60)
        return request

    async def ask() -> object:
        engine: Any = SimpleNamespace()
        handler = GenerationHandler(options_for(Path("none")), engine)
        waiting = [asyncio.ensure_future(handler._batch(slow, "b", LOADED)) for _ in range(40)]
        try:
            return await asyncio.wait_for(handler._batch(CompletionRequest(prompt="b"), "b", LOADED), 10)
        finally:
            end.set()
            await asyncio.gather(*waiting)

    monkeypatch.setattr(generation_handler, "batch_of_request", work)
    assert asyncio.run(ask())
    assert begun.count(slow) == 40


def test_a_queue_that_fills_while_prompts_are_read_refuses_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many that come at once have all seen a queue with room."""
    state = SimpleNamespace(phase="ready", reason="")
    names = SimpleNamespace(model_names=["b"], default_model="b")
    engine: Any = SimpleNamespace(loaded=LOADED, state=state, full=False, served=names)

    def work(*_: object) -> str:
        engine.full = True
        return "a batch"

    async def ask() -> None:
        async def receive() -> Message:
            await asyncio.Event().wait()
            raise AssertionError

        request = Request({"type": "http"}, receive)
        await GenerationHandler(options_for(Path("none")), engine).handle(request, CompletionRequest(prompt="a"))

    monkeypatch.setattr(generation_handler, "batch_of_request", work)
    with pytest.raises(ApiError) as refused:
        asyncio.run(ask())
    assert (refused.value.status_code, refused.value.code) == (429, "queue_full")


def test_the_official_client_is_told_of_a_full_queue_and_asks_again(models: ServedModels, tmp_path: Path) -> None:
    """One runs, one waits, and the third is refused; a client that may try again gets its answer."""
    flags = ("--max-num-seqs", "1", "--max-queued-requests", "1", "--threads", "1")
    with (
        running_server(tmp_path / "log", "--model", str(models.base), "--served-model-name", "t", *flags) as server,
        server.client() as http,
        openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client,
        ThreadPoolExecutor(2) as pool,
    ):
        server.wait_until_ready()
        long: dict[str, Any] = {"model": "t", "prompt": "the", "max_tokens": 1500, "extra_body": {"ignore_eos": True}}
        pool.submit(lambda: client.completions.create(**long))
        wait_until(lambda: metric(http, "llmwright_requests_running") == 1, "one runs", 60)
        pool.submit(lambda: client.completions.create(**long))
        wait_until(lambda: metric(http, "llmwright_requests_waiting") == 1, "one waits", 60)
        with pytest.raises(openai.RateLimitError) as refused:
            client.completions.create(model="t", prompt="the", max_tokens=1)
        patient = client.with_options(max_retries=60).completions.create(model="t", prompt="the", max_tokens=1)

    assert (refused.value.status_code, refused.value.code) == (429, "queue_full")
    assert int(refused.value.response.headers["retry-after"]) == 2
    assert patient.choices[0].finish_reason == "length"
