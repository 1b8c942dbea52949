"""Several answers of one request, and the log-probabilities of their tokens, as OpenAI's client asks for them."""

from __future__ import annotations

import math
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam
from tests.support.hf_server import metric
from tests.support.transformers_reference import TransformersReference

PROMPT = "the quick brown"
OTHER = "a house of light"
MESSAGES: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": PROMPT}]


def test_n_answers_have_an_index_each_and_seeds_that_follow_one_another(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": MESSAGES, "max_tokens": 12, "temperature": 1.5}
    made = client.chat.completions.create(**asked, n=3, seed=7)
    single = [client.chat.completions.create(**asked, seed=seed) for seed in (7, 8, 9)]

    assert [choice.index for choice in made.choices] == [0, 1, 2]
    contents = [choice.message.content for choice in made.choices]
    assert contents == [one.choices[0].message.content for one in single]
    assert len({*contents}) == 3
    assert made.usage is not None
    assert single[0].usage is not None
    assert made.usage.prompt_tokens == single[0].usage.prompt_tokens
    assert made.usage.completion_tokens == sum(one.usage.completion_tokens for one in single if one.usage)


def test_n_answers_stream_with_their_index(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": MESSAGES, "max_tokens": 12, "temperature": 1.5, "seed": 7}
    whole = client.chat.completions.create(**asked, n=3)
    chunks = [*client.chat.completions.create(**asked, n=3, stream=True, stream_options={"include_usage": True})]

    texts, reasons = ["", "", ""], {}
    for chunk in chunks[:-1]:
        (choice,) = chunk.choices
        texts[choice.index] += choice.delta.content or ""
        if choice.finish_reason:
            reasons[choice.index] = choice.finish_reason
    assert texts == [choice.message.content for choice in whole.choices]
    assert reasons == {choice.index: choice.finish_reason for choice in whole.choices}
    assert chunks[-1].usage == whole.usage


def test_several_prompts_have_answers_in_their_order(client: openai.OpenAI, reference: TransformersReference) -> None:
    made = client.completions.create(model="tiny", prompt=[PROMPT, OTHER], n=2, max_tokens=8)
    ids = [reference.tokenizer(text)["input_ids"] for text in (PROMPT, OTHER)]
    by_ids = client.completions.create(model="tiny", prompt=ids, max_tokens=8)

    expected = [reference.completion(text, 8) for text in (PROMPT, OTHER)]
    assert [choice.text for choice in made.choices] == [text for text in expected for _ in range(2)]
    assert [choice.index for choice in made.choices] == [0, 1, 2, 3]
    assert [choice.text for choice in by_ids.choices] == expected
    assert by_ids.usage is not None
    assert by_ids.usage.prompt_tokens == sum(map(len, ids))


def test_more_answers_than_the_server_gives_are_refused(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"1000 answers .* at most 64 .*--max-n-sequences") as refused:
        client.chat.completions.create(model="tiny", messages=MESSAGES, n=1000)
    assert refused.value.param == "n"
    with pytest.raises(openai.BadRequestError, match="80 answers"):
        client.completions.create(model="tiny", prompt=[PROMPT] * 40, n=2)
    with pytest.raises(openai.BadRequestError, match="n: Input should be greater than or equal to 1"):
        client.completions.create(model="tiny", prompt=PROMPT, n=0)
    with pytest.raises(openai.BadRequestError, match="best_of is not supported"):
        client.completions.create(model="tiny", prompt=PROMPT, best_of=2)


def test_a_seed_gives_the_same_answer_among_others(client: openai.OpenAI) -> None:
    def ask(seed: int | None, **more: Any) -> list[str]:
        asked: dict[str, Any] = {"model": "tiny", "prompt": PROMPT, "max_tokens": 24, "temperature": 1.5}
        return [choice.text for choice in client.completions.create(**asked, seed=seed, **more).choices]

    alone = ask(7)
    with ThreadPoolExecutor(6) as pool:
        others = [pool.submit(ask, None, n=3) for _ in range(3)]
        seeded = [pool.submit(ask, 7) for _ in range(3)]
        assert [answer.result() for answer in seeded] == [alone] * 3
        assert all(len(answer.result()) == 3 for answer in others)


def test_echo_puts_the_prompt_before_each_answer(client: openai.OpenAI, reference: TransformersReference) -> None:
    asked: dict[str, Any] = {"model": "tiny", "prompt": [PROMPT, OTHER], "max_tokens": 8, "echo": True}
    expected = [text + reference.completion(text, 8) for text in (PROMPT, OTHER)]
    texts = ["", ""]
    for chunk in client.completions.create(**asked, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].text

    assert [choice.text for choice in client.completions.create(**asked).choices] == expected
    assert texts == expected
    with pytest.raises(openai.BadRequestError, match="echo: prompts have no log-probabilities"):
        client.completions.create(**asked, logprobs=1)


def test_logprobs_of_a_chat_are_those_of_the_model(client: openai.OpenAI, reference: TransformersReference) -> None:
    made = client.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=6, temperature=0, logprobs=True, top_logprobs=3
    )
    choice = made.choices[0]
    assert choice.logprobs is not None
    content = choice.logprobs.content or []
    assert len(content) == 6
    assert b"".join(bytes(token.bytes or ()) for token in content).decode(errors="replace") == choice.message.content
    expected = reference.chat_logits(PROMPT).log_softmax(-1)
    assert content[0].logprob == pytest.approx(float(expected.max()), abs=1e-4)
    best = [score.logprob for score in content[0].top_logprobs]
    assert best == pytest.approx(expected.topk(3).values.tolist(), abs=1e-4)
    assert content[0].top_logprobs[0].token == content[0].token


def test_logprobs_of_a_text_have_offsets(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "prompt": PROMPT, "max_tokens": 30, "temperature": 1.5, "seed": 3}
    choice = client.completions.create(**asked, logprobs=2).choices[0]
    scores = choice.logprobs
    assert scores is not None
    assert scores.tokens is not None
    assert scores.token_logprobs is not None
    assert scores.text_offset is not None
    assert scores.top_logprobs is not None
    assert len(scores.tokens) == len(scores.token_logprobs) == len(scores.top_logprobs) == len(scores.text_offset) == 30
    for name, logprob, top, offset in zip(
        scores.tokens, scores.token_logprobs, scores.top_logprobs, scores.text_offset, strict=True
    ):
        assert len(top) in (2, 3)
        assert top[name] == logprob
        assert math.exp(logprob) <= 1
        assert name.startswith("bytes:") or choice.text.startswith(name, offset)
    assert any(name.startswith("bytes:") for name in scores.tokens)


def test_streamed_logprobs_are_the_whole_ones(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": MESSAGES, "max_tokens": 30, "temperature": 1.5, "seed": 3}
    whole = client.chat.completions.create(**asked, logprobs=True, n=2)
    streamed: list[list[Any]] = [[], []]
    for chunk in client.chat.completions.create(**asked, logprobs=True, n=2, stream=True):
        scores = chunk.choices[0].logprobs
        streamed[chunk.choices[0].index] += (scores.content or []) if scores else []

    assert streamed == [choice.logprobs.content for choice in whole.choices if choice.logprobs]


def test_tokens_of_a_stop_string_and_the_end_have_none(client: openai.OpenAI, reference: TransformersReference) -> None:
    whole = reference.completion(PROMPT, 20)
    asked: dict[str, Any] = {"model": "tiny", "prompt": PROMPT, "max_tokens": 20, "logprobs": 0}
    cut = client.completions.create(**asked, stop=whole[5:11]).choices[0]
    ended = client.completions.create(**asked, logit_bias={"0": 100}).choices[0]

    assert cut.text == whole[:5]
    assert cut.logprobs is not None
    assert cut.logprobs.text_offset is not None
    assert all(offset < 5 for offset in cut.logprobs.text_offset)
    assert ended.text == ""
    assert ended.logprobs is not None
    assert ended.logprobs.tokens == []


def test_the_rules_of_a_request_change_no_logprobs(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "prompt": PROMPT, "max_tokens": 1, "logprobs": 5}
    plain = client.completions.create(**asked).choices[0].logprobs
    biased = client.completions.create(
        **asked, logit_bias={"40": 50}, presence_penalty=1, temperature=0.5, extra_body={"repetition_penalty": 1.5}
    ).choices[0]

    assert plain is not None
    assert biased.logprobs is not None
    assert plain.top_logprobs is not None
    assert biased.logprobs.top_logprobs is not None
    assert plain.top_logprobs[0].items() <= biased.logprobs.top_logprobs[0].items()


@pytest.mark.parametrize(
    ("fields", "said"), [({"top_logprobs": 2}, "it is for logprobs=true"), ({"top_logprobs": 21}, "20")]
)
def test_top_logprobs_out_of_bounds_are_refused(client: openai.OpenAI, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(openai.BadRequestError, match=f"top_logprobs: .*{said}"):
        client.chat.completions.create(model="tiny", messages=MESSAGES, **fields)


def test_a_prompt_counts_once_for_several_answers(client: openai.OpenAI, http: httpx.Client) -> None:
    before = metric(http, "llmwright_completion_tokens_total", model="tiny")
    made = client.completions.create(model="tiny", prompt=PROMPT, n=4, max_tokens=2)

    assert made.usage is not None
    assert made.usage.completion_tokens == 8
    assert metric(http, "llmwright_completion_tokens_total", model="tiny") == before + 8


def test_an_unsure_choice_is_no_infinity(client: openai.OpenAI) -> None:
    """A token that the model rules out has a number that JSON can write."""
    made = client.completions.create(
        model="tiny", prompt=PROMPT, max_tokens=1, logprobs=0, extra_body={"allowed_token_ids": [200]}
    )

    scores = made.choices[0].logprobs
    assert scores is not None
    assert scores.token_logprobs is not None
    assert math.isfinite(scores.token_logprobs[0])
