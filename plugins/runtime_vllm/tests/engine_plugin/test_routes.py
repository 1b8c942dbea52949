"""Our plugin of the engine, on a server with the engine's routes and answers. ``tests/e2e`` has the real one."""

from __future__ import annotations

import asyncio
import json
from argparse import Namespace
from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from llmwright_runtime_vllm.engine_plugin.routes import Routes

KEY = {"authorization": "Bearer k3y"}
USAGE = {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}


class Engine:
    """Answers as vLLM 0.32 does, and keeps what it was asked."""

    def __init__(self, *, template: bool = True) -> None:
        self.template = template
        self.asked: list[tuple[str, dict[str, Any]]] = []
        paths = ["/v1/chat/completions", "/v1/completions", "/tokenize", "/invocations"]
        paths += ["/v1/load_lora_adapter", "/adapters", "/adapters/{name}"]
        self.app = Starlette(routes=[Route(path, self.answer, methods=["POST", "DELETE"]) for path in paths])
        self.app.router.routes.append(Route("/health", self.answer, methods=["GET"]))

    async def answer(self, request: Request) -> Response:
        body = json.loads(await request.body() or b"{}")
        path = request.url.path
        self.asked.append((path, body))
        if path == "/tokenize":
            return JSONResponse({"count": 5, "max_model_len": 512})
        if path == "/v1/chat/completions" and not self.template:
            message = "default chat template is no longer allowed, so you must provide a chat template"
            return JSONResponse({"error": {"message": message}}, 400)
        if body.get("model") == "absent":
            return JSONResponse({"error": {"message": "The model does not exist."}}, 404)
        if body.get("stream"):
            return StreamingResponse(self.events(), media_type="text/event-stream")
        said = {"message": {"content": "Hi you"}} if "messages" in body else {"text": "Hi you"}
        return JSONResponse({"model": "tiny", "choices": [{**said, "finish_reason": "stop"}], "usage": USAGE})

    def events(self) -> Iterator[str]:
        for choice in ({"delta": {"role": "assistant", "content": ""}}, {"delta": {"content": "Hi"}}):
            yield f"data: {json.dumps({'model': 'tiny', 'choices': [choice]})}\n\n"
        last = json.dumps({"model": "tiny", "choices": [{"delta": {"content": " you"}, "finish_reason": "stop"}]})
        yield f"data: {last[:20]}"
        yield f"{last[20:]}\n\ndata: {json.dumps({'model': 'tiny', 'choices': [], 'usage': USAGE})}\n\ndata: [DONE]\n\n"

    def client(self, *keys: str) -> httpx.AsyncClient:
        """Return a client of the server as it is with the plugin and these keys."""
        plugin = Routes()
        plugin.attach_router(self.app)
        asyncio.run(plugin.init_state(None, None, Namespace(api_key=[*keys])))
        return httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url="http://engine")


def post(client: httpx.AsyncClient, path: str, headers: Mapping[str, str] | None = None, **body: Any) -> httpx.Response:
    return asyncio.run(client.post(path, json=body, headers=headers))


@pytest.fixture
def engine() -> Engine:
    return Engine()


@pytest.fixture
def client(engine: Engine) -> httpx.AsyncClient:
    return engine.client()


def test_a_prompt_is_answered_through_the_chat_template(engine: Engine, client: httpx.AsyncClient) -> None:
    answer = post(
        client, "/chat", prompt="Who?", generate_kwargs={"max_new_tokens": 9, "do_sample": False, "num_beams": 1}
    )
    end = {"model": "tiny", "finish_reason": "stop", "usage": USAGE}
    assert answer.json() == {"response": "Hi you", "Result": "Hi you", **end}
    messages = [{"role": "user", "content": "Who?"}]
    assert engine.asked == [("/v1/chat/completions", {"messages": messages, "max_tokens": 9, "temperature": 0})]


def test_a_model_without_template_goes_on_with_the_prompt(engine: Engine) -> None:
    engine.template = False
    client = engine.client()
    for _ in range(2):
        assert post(client, "/chat", prompt="Who?").json()["response"] == "Hi you"
    asked = ("/v1/completions", {"prompt": "Who?", "max_tokens": 507})
    tokens = ("/tokenize", {"prompt": "Who?"})
    assert engine.asked[1:] == [tokens, asked, tokens, asked], "the template is asked for once"


def test_the_full_text_begins_with_the_prompt(client: httpx.AsyncClient) -> None:
    assert post(client, "/chat", prompt="Who? ", return_full_text=True).json()["Result"] == "Who? Hi you"


@pytest.mark.parametrize("full", [False, True])
def test_a_stream(engine: Engine, client: httpx.AsyncClient, full: bool) -> None:
    answer = post(client, "/chat", prompt="Who? ", stream=True, return_full_text=full)
    *chunks, done = [event.removeprefix("data: ") for event in answer.text.strip().split("\n\n")]
    pieces = [json.loads(chunk) for chunk in chunks]
    assert [piece["response"] for piece in pieces] == [*(["Who? "] if full else []), "Hi", " you", ""]
    assert pieces[-1] == {"response": "", "model": "tiny", "finish_reason": "stop", "usage": USAGE}
    assert done == "[DONE]"
    assert engine.asked[0][1]["stream_options"] == {"include_usage": True}


def test_max_length_counts_the_prompt(engine: Engine, client: httpx.AsyncClient) -> None:
    assert post(client, "/chat", prompt="Who?", generate_kwargs={"max_length": 25}).status_code == 200
    assert engine.asked[-1][1]["max_tokens"] == 20
    refused = post(client, "/chat", prompt="Who?", max_length=5)
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "max_length")


def test_own_end_tokens_take_the_place_of_the_models(engine: Engine, client: httpx.AsyncClient) -> None:
    post(client, "/chat", prompt="Who?", eos_token_id=7, stop_token_ids=[8])
    assert engine.asked[0][1].items() >= {"stop_token_ids": [7, 8], "ignore_eos": True}.items()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "prompt"),
        ({"prompt": ["a"]}, "prompt"),
        ({"prompt": "a", "promt": "b"}, "promt"),
        ({"prompt": "a", "generate_kwargs": 3}, "generate_kwargs"),
        ({"prompt": "a", "generate_kwargs": {"num_beams": 2}}, "num_beams"),
        ({"prompt": "a", "typical_p": 0.5}, "typical_p"),
        ({"prompt": "a", "max_tokens": 3, "generate_kwargs": {"max_new_tokens": 4}}, "max_new_tokens"),
        ({"prompt": "a", "max_length": "x"}, "max_length"),
        ({"prompt": "a", "messages": []}, "messages"),
    ],
)
def test_what_is_not_carried_out_is_refused_by_name(
    engine: Engine, client: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    answer = post(client, "/chat", **body)
    assert (answer.status_code, answer.json()["error"]["param"]) == (400, field)
    assert engine.asked == []


@pytest.mark.parametrize(("content", "status"), [(b"{", 400), (b"[" * 100_000, 400), (b" " * (2**23 + 1), 413)])
def test_a_body_that_cannot_be_read(client: httpx.AsyncClient, content: bytes, status: int) -> None:
    headers = {"content-type": "application/json"}
    assert asyncio.run(client.post("/chat", content=content, headers=headers)).status_code == status


def test_what_asks_for_nothing_is_taken(engine: Engine, client: httpx.AsyncClient) -> None:
    """KAITO's own example of old."""
    options: dict[str, Any] = {
        "max_length": 200,
        "min_length": 0,
        "early_stopping": False,
        "num_beams": 1,
        "num_beam_groups": 1,
    }
    options |= {"diversity_penalty": 0.0, "length_penalty": 1, "no_repeat_ngram_size": 0, "pad_token_id": 2}
    options |= {"remove_invalid_values": False, "use_cache": True, "temperature": 1.0, "top_k": 50, "do_sample": True}
    body: dict[str, Any] = {"return_full_text": False, "clean_up_tokenization_spaces": False, "prefix": None}
    assert post(client, "/chat", prompt="Who?", generate_kwargs=options, **body).status_code == 200
    assert engine.asked[-1][1].keys() == {"messages", "temperature", "top_k", "max_tokens"}


def test_the_engine_s_errors_pass_as_they_are(client: httpx.AsyncClient) -> None:
    assert post(client, "/chat", prompt="a", model="absent").status_code == 404


def test_a_web_page_cannot_ask_a_server_without_a_key(client: httpx.AsyncClient) -> None:
    page = {"content-type": "text/plain", "origin": "https://evil.example"}
    answer = asyncio.run(client.post("/chat", content=b'{"prompt": "a"}', headers=page))
    assert answer.status_code == 415


def test_curl_needs_no_content_type(client: httpx.AsyncClient) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert asyncio.run(client.post("/chat", content=b'{"prompt": "a"}', headers=form)).status_code == 200


@pytest.mark.parametrize(("path", "open_"), [("/invocations", False), ("/tokenize", False), ("/health", True)])
def test_the_key_is_asked_where_the_engine_asks_none(engine: Engine, path: str, open_: bool) -> None:
    client = engine.client("k3y", "other")
    method = "GET" if open_ else "POST"
    assert asyncio.run(client.request(method, path)).status_code == (200 if open_ else 401)
    assert asyncio.run(client.request(method, path, headers={"authorization": "Bearer k3"})).status_code in (200, 401)
    assert asyncio.run(client.request(method, path, headers={"authorization": "bearer other"})).status_code == 200


def test_chat_hands_the_key_on(engine: Engine) -> None:
    """The engine's own middleware asks for it, inside: the answers of ``/v1`` and of ``/chat`` are alike."""
    seen: list[str | None] = []
    answer = engine.answer

    async def watching(request: Request) -> Response:
        seen.append(request.headers.get("authorization"))
        return await answer(request)

    engine.app.router.routes.insert(0, Route("/v1/chat/completions", watching, methods=["POST"]))
    post(engine.client("k3y"), "/chat", KEY, prompt="a")
    assert seen == ["Bearer k3y"]
