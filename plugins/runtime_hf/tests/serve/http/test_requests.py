"""Each field of a request that shapes the answer."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from tests.support.transformers_reference import TransformersReference

PROMPT = "the quick brown"


def complete(http: httpx.Client, **fields: Any) -> dict[str, Any]:
    answer = http.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 40, **fields})
    assert answer.status_code == 200, answer.text
    made: dict[str, Any] = answer.json()
    return made


def text_of(http: httpx.Client, **fields: Any) -> str:
    return str(complete(http, **fields)["choices"][0]["text"])


@pytest.fixture(scope="module")
def whole(reference: TransformersReference) -> str:
    return reference.completion(PROMPT, 40)


@pytest.mark.parametrize("as_list", [False, True])
def test_stop_cuts_before_a_string_that_spans_tokens(http: httpx.Client, whole: str, as_list: bool) -> None:
    stop = whole[10:16]
    assert whole.index(stop) == 10

    made = complete(http, stop=[stop, "never said"] if as_list else stop)

    assert made["choices"][0] == {"index": 0, "text": whole[:10], "logprobs": None, "finish_reason": "stop"}
    assert made["usage"]["completion_tokens"] < 40


def test_a_streamed_stop_string_never_leaks(http: httpx.Client, whole: str) -> None:
    body = http.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 40, "stop": whole[10:16], "stream": True})

    choices = [json.loads(line[6:])["choices"][0] for line in body.text.split("\n\n") if line.startswith("data: {")]
    assert "".join(choice["text"] for choice in choices) == whole[:10]
    assert choices[-1]["finish_reason"] == "stop"


def test_the_end_token_stops_and_is_not_shown(http: httpx.Client, reference: TransformersReference) -> None:
    """At temperature 2 this random model soon draws its end token."""
    for seed in range(50):
        made = complete(http, max_tokens=400, temperature=2, seed=seed)
        if made["choices"][0]["finish_reason"] == "stop":
            break

    assert made["choices"][0]["finish_reason"] == "stop"
    assert "<|end|>" not in made["choices"][0]["text"]
    assert made["usage"]["completion_tokens"] < 400


@pytest.mark.parametrize("limit", [1, 7])
def test_max_tokens_limits(http: httpx.Client, limit: int) -> None:
    made = complete(http, max_tokens=limit)

    assert made["usage"]["completion_tokens"] == limit
    assert made["choices"][0]["finish_reason"] == "length"


def test_max_completion_tokens_goes_before_max_tokens(http: httpx.Client) -> None:
    fields = {"messages": [{"role": "user", "content": "a"}], "max_tokens": 9, "max_completion_tokens": 4}

    assert http.post("/v1/chat/completions", json=fields).json()["usage"]["completion_tokens"] == 4


def test_temperature_zero_is_greedy(http: httpx.Client, whole: str) -> None:
    assert text_of(http, temperature=0) == whole


def test_a_seed_repeats_and_another_differs(http: httpx.Client, whole: str) -> None:
    first = text_of(http, temperature=1, seed=1)

    assert text_of(http, temperature=1, seed=1) == first
    assert text_of(http, temperature=1, seed=2) != first
    assert first != whole


def test_a_seed_holds_while_others_generate(http: httpx.Client) -> None:
    alone = text_of(http, temperature=1, seed=1)
    with ThreadPoolExecutor(4) as pool:
        seeded = list(pool.map(lambda seed: text_of(http, temperature=1, seed=seed), [1, None, 1, None, 1]))

    assert seeded[::2] == [alone] * 3


def test_without_a_seed_answers_differ(http: httpx.Client) -> None:
    assert len({text_of(http, temperature=1) for _ in range(4)}) > 1


@pytest.mark.parametrize("narrow", [{"top_p": 0.0}, {"top_k": 1}, {"top_p": 1e-9}])
def test_top_p_and_top_k_narrow_to_the_likeliest(http: httpx.Client, whole: str, narrow: dict[str, float]) -> None:
    assert text_of(http, temperature=1, seed=1, **narrow) == whole


def test_streamed_text_is_the_same_as_whole(http: httpx.Client) -> None:
    fields = {"prompt": PROMPT, "max_tokens": 200, "temperature": 1.5, "seed": 5}

    whole = http.post("/chat", json=fields).json()["response"]
    lines = http.post("/chat", json={**fields, "stream": True}).text.split("\n\n")

    streamed = "".join(json.loads(line[6:]).get("response", "") for line in lines if line.startswith("data: {"))
    assert streamed == whole
    assert any(ord(character) > 127 and character != "\ufffd" for character in whole)


@pytest.mark.parametrize(
    "harmless",
    [
        {"n": 1, "best_of": 1, "echo": False, "logprobs": None, "suffix": None},
        {"frequency_penalty": 0, "presence_penalty": 0.0, "logit_bias": {}},
        {"user": "me", "metadata": {"a": "b"}, "store": False},
        {"tools": [], "tool_choice": "none", "response_format": {"type": "text"}},
    ],
)
def test_fields_that_ask_for_nothing_more_are_fine(http: httpx.Client, whole: str, harmless: dict[str, Any]) -> None:
    assert text_of(http, **harmless) == whole
