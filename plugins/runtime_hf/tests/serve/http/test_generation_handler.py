"""Work that takes long leaves threads for requests that do not."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.serve_options import options_for

from llmwright_runtime_hf.serve.http import generation_handler
from llmwright_runtime_hf.serve.http.generation_handler import GenerationHandler
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
