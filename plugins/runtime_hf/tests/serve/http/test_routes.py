"""The routes beside generation: health and version."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import httpx
import openai
import pytest
from starlette.testclient import TestClient
from tests.support.serve_options import options_for

from llmwright_runtime_hf.serve.engine.interface import EngineState, Job, JobHandle
from llmwright_runtime_hf.serve.engine.model_thread import ModelThread
from llmwright_runtime_hf.serve.http.routes import create_app
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics


def test_version(http: httpx.Client) -> None:
    assert http.get("/version").json().keys() == {"version", "transformers"}


def test_health(http: httpx.Client) -> None:
    assert http.get("/health").json() == {"status": "Healthy"}


def test_a_queue_that_is_full_refuses_with_a_time_to_ask_again(tmp_path: Path) -> None:
    options = options_for(tmp_path, max_queued_requests=3)
    full = SimpleNamespace(state=EngineState("ready"), loaded=object(), failure=None, full=True, served=options)
    app = create_app(options, full, ServerMetrics())
    asking = TestClient(app, base_url="http://127.0.0.1", headers={"Content-Type": "application/json"})
    for route, body in (("/chat", {"prompt": "a"}), ("/v1/completions", {"prompt": "a", "stream": True})):
        answer = asking.post(route, json=body)
        assert answer.status_code == 429
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.json()["error"]["code"] == "queue_full"
        assert "3 requests wait already" in answer.json()["error"]["message"]
    with (
        openai.OpenAI(base_url="http://127.0.0.1/v1", api_key="none", max_retries=0, http_client=asking) as client,
        pytest.raises(openai.RateLimitError) as refused,
    ):
        client.chat.completions.create(model=options.served_model_name, messages=[{"role": "user", "content": "a"}])
    assert int(refused.value.response.headers["Retry-After"]) > 0


def test_an_engine_is_full_once_as_many_wait_as_may(tmp_path: Path) -> None:
    engine = ModelThread(options_for(tmp_path, max_queued_requests=2), ServerMetrics())
    handles: list[JobHandle] = []
    for _ in range(2):
        assert not engine.full
        handles.append(engine.submit(Job("base", (1,), 1), lambda _: None))
    assert engine.full
