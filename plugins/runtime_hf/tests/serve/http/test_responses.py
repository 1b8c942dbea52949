"""The three forms, whole and streamed, as their clients read them."""

from __future__ import annotations

import json

import httpx
import openai
import pytest
from tests.support.transformers_reference import TransformersReference

PROMPT = "the quick brown"


def events_of(text: str) -> list[str]:
    assert text.endswith("\n\n")
    lines = text.removesuffix("\n\n").split("\n\n")
    assert all(line.startswith("data: ") for line in lines)
    return [line.removeprefix("data: ") for line in lines]


def test_chat_answers_a_prompt_through_the_chat_template(http: httpx.Client, reference: TransformersReference) -> None:
    answer = http.post("/chat", json={"prompt": PROMPT, "max_tokens": 20}).json()

    assert answer["response"] == answer["Result"] == reference.chat(PROMPT, 20)
    assert (answer["model"], answer["finish_reason"]) == ("tiny", "length")
    assert answer["usage"]["completion_tokens"] == 20


def test_chat_reads_json_that_curl_announces_as_a_form(http: httpx.Client) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}

    answer = http.post("/chat", content=b'{"prompt": "a", "max_tokens": 2}', headers=headers)

    assert answer.status_code == 200, answer.text


def test_chat_streams(http: httpx.Client, reference: TransformersReference) -> None:
    answer = http.post("/chat", json={"prompt": PROMPT, "max_tokens": 20, "stream": True})
    *pieces, last, done = events_of(answer.text)

    assert answer.headers["content-type"].startswith("text/event-stream")
    assert "".join(json.loads(piece)["response"] for piece in pieces) == reference.chat(PROMPT, 20)
    assert json.loads(last)["finish_reason"] == "length"
    assert json.loads(last)["usage"]["completion_tokens"] == 20
    assert done == "[DONE]"


def test_chat_completions(client: openai.OpenAI, reference: TransformersReference) -> None:
    made = client.chat.completions.create(
        model="tiny", messages=[{"role": "user", "content": PROMPT}], max_completion_tokens=20, temperature=0
    )

    assert made.object == "chat.completion"
    assert made.choices[0].message.role == "assistant"
    assert made.choices[0].message.content == reference.chat(PROMPT, 20)
    assert made.choices[0].finish_reason == "length"
    assert made.usage is not None
    assert made.usage.total_tokens == made.usage.prompt_tokens + 20


def test_chat_completions_stream(client: openai.OpenAI, reference: TransformersReference) -> None:
    chunks = list(
        client.chat.completions.create(
            model="tiny",
            messages=[{"role": "user", "content": PROMPT}],
            max_tokens=20,
            stream=True,
            stream_options={"include_usage": True},
        )
    )

    *body, closing, usage = chunks
    assert body[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in body) == reference.chat(PROMPT, 20)
    assert closing.choices[0].finish_reason == "length"
    assert usage.choices == []
    assert usage.usage is not None
    assert usage.usage.completion_tokens == 20
    assert len({chunk.id for chunk in chunks}) == 1


def test_usage_is_streamed_only_when_asked_for(client: openai.OpenAI) -> None:
    chunks = list(client.completions.create(model="tiny", prompt=PROMPT, max_tokens=3, stream=True))

    assert all(chunk.usage is None for chunk in chunks)
    assert all(len(chunk.choices) == 1 for chunk in chunks)


def test_completions(client: openai.OpenAI, reference: TransformersReference) -> None:
    made = client.completions.create(model="tiny", prompt=PROMPT)

    assert made.object == "text_completion"
    assert made.choices[0].text == reference.completion(PROMPT, 16)
    assert made.choices[0].finish_reason == "length"
    assert made.usage is not None
    assert made.usage.completion_tokens == 16


def test_completions_stream(client: openai.OpenAI, reference: TransformersReference) -> None:
    chunks = list(client.completions.create(model="tiny", prompt=PROMPT, max_tokens=400, stream=True))

    assert len(chunks) > 10
    assert "".join(chunk.choices[0].text for chunk in chunks) == reference.completion(PROMPT, 400)
    assert chunks[-1].choices[0].finish_reason == "length"


def test_completions_take_token_ids_and_a_list_of_one(client: openai.OpenAI, reference: TransformersReference) -> None:
    ids = reference.tokenizer(PROMPT)["input_ids"]
    expected = reference.completion(PROMPT, 8)

    assert client.completions.create(model="tiny", prompt=ids, max_tokens=8).choices[0].text == expected
    assert client.completions.create(model="tiny", prompt=[PROMPT], max_tokens=8).choices[0].text == expected


def test_message_content_may_come_in_text_parts(client: openai.OpenAI, reference: TransformersReference) -> None:
    made = client.chat.completions.create(
        model="tiny",
        messages=[
            {"role": "user", "content": [{"type": "text", "text": "the quick "}, {"type": "text", "text": "brown"}]}
        ],
        max_tokens=8,
    )

    assert made.choices[0].message.content == reference.chat(PROMPT, 8)


def test_without_a_model_the_base_answers(http: httpx.Client) -> None:
    assert http.post("/v1/completions", json={"prompt": "a", "max_tokens": 1}).json()["model"] == "tiny"


def test_models_lists_the_base_and_its_adapters(client: openai.OpenAI) -> None:
    listed = {model.id: model.model_dump()["parent"] for model in client.models.list()}

    assert listed == {"tiny": None, "facts": "tiny", "rhymes": "tiny", "facts.half": "tiny"}


def test_one_model_may_be_looked_up(client: openai.OpenAI) -> None:
    assert client.models.retrieve("facts.half").model_dump()["parent"] == "tiny"
    with pytest.raises(openai.NotFoundError, match="'gpt-4' is not served here"):
        client.models.retrieve("gpt-4")
