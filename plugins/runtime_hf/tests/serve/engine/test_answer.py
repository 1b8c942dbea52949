"""Fields of vLLM's and transformers' extensions do what they do there."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from tests.support.transformers_reference import TransformersReference

PROMPT = "the quick brown"
END = 0
"""The id of the end token. This model never chooses it by itself."""
ENDS_AT_ONCE = {"logit_bias": {str(END): 100}}


def complete(http: httpx.Client, **fields: Any) -> tuple[str, int, str]:
    """Return text, number of tokens and the reason of the end."""
    answer = http.post("/v1/completions", json={"prompt": PROMPT, "max_tokens": 20, **fields})
    assert answer.status_code == 200, answer.text
    choice = answer.json()["choices"][0]
    return choice["text"], answer.json()["usage"]["completion_tokens"], choice["finish_reason"]


def ask(http: httpx.Client, **fields: Any) -> str:
    answer = http.post("/chat", json={"prompt": PROMPT, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["response"])


def converse(http: httpx.Client, messages: list[Any], **fields: Any) -> str:
    answer = http.post("/v1/chat/completions", json={"messages": messages, "max_tokens": 12, **fields})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["choices"][0]["message"]["content"])


def test_repetition_penalty(http: httpx.Client, reference: TransformersReference) -> None:
    expected = reference.completion(PROMPT, 20, repetition_penalty=1.7)

    assert complete(http, repetition_penalty=1.7)[0] == expected != reference.completion(PROMPT, 20)
    chat = reference.chat(PROMPT, 20, repetition_penalty=1.7)
    assert ask(http, generate_kwargs={"max_new_tokens": 20, "repetition_penalty": 1.7}) == chat


def test_no_repeat_ngram_size(http: httpx.Client, reference: TransformersReference) -> None:
    expected = reference.chat(PROMPT, 40, no_repeat_ngram_size=1)

    assert ask(http, generate_kwargs={"max_new_tokens": 40, "no_repeat_ngram_size": 1}) == expected
    assert expected != reference.chat(PROMPT, 40)


def test_min_p_and_typical_p_narrow(http: httpx.Client, reference: TransformersReference) -> None:
    assert complete(http, temperature=2, seed=1, min_p=1.0)[0] == reference.completion(PROMPT, 20)
    sampled = {"max_new_tokens": 20, "do_sample": True}
    assert ask(http, seed=1, generate_kwargs={**sampled, "typical_p": 0.2}) != ask(
        http, seed=1, generate_kwargs=sampled
    )


@pytest.mark.parametrize("top_k", [-1, 0, None])
def test_top_k_is_off(http: httpx.Client, top_k: int | None) -> None:
    assert complete(http, temperature=1, seed=1, top_k=top_k) == complete(http, temperature=1, seed=1)


def test_bias_and_allowed_tokens(http: httpx.Client) -> None:
    only = complete(http, logit_bias={"70": 100}, max_tokens=4)[0]

    assert only == complete(http, allowed_token_ids=[70], max_tokens=4)[0] == only[0] * 4
    assert complete(http, allowed_token_ids=[70, 71], logit_bias={"70": -100}, max_tokens=4)[0] != only


@pytest.mark.parametrize("field", ["frequency_penalty", "presence_penalty"])
def test_penalties_lower_the_tokens_of_the_answer(http: httpx.Client, field: str) -> None:
    """Of two tokens that are always far ahead, the likelier one is chosen again and again, until it is lowered."""
    ahead = {"allowed_token_ids": [70, 71], "logit_bias": {"70": 100, "71": 99}}
    strongest = complete(http, **ahead, max_tokens=6)[0]

    assert len(set(complete(http, **ahead, max_tokens=6, **{field: 2})[0])) >= len(set(strongest))
    assert complete(http, **ahead, max_tokens=6, **{field: 0}) == complete(http, **ahead, max_tokens=6)


def test_min_tokens(http: httpx.Client) -> None:
    assert complete(http, **ENDS_AT_ONCE)[1:] == (1, "stop")
    assert complete(http, **ENDS_AT_ONCE, min_tokens=5)[1:] == (6, "stop")
    assert complete(http, min_tokens=20)[1:] == (20, "length")


def test_a_stop_string_within_min_tokens_does_not_stop(http: httpx.Client, reference: TransformersReference) -> None:
    whole = reference.completion(PROMPT, 20)

    assert complete(http, stop=whole[0])[2] == "stop"
    assert complete(http, stop=whole[0], min_tokens=20)[0] == whole


def test_ignore_eos_and_special_tokens(http: httpx.Client) -> None:
    assert complete(http, **ENDS_AT_ONCE, ignore_eos=True, max_tokens=3) == ("", 3, "length")
    shown = complete(http, **ENDS_AT_ONCE, ignore_eos=True, skip_special_tokens=False, max_tokens=2)
    assert shown == ("<|end|><|end|>", 2, "length")


def test_a_stop_string_that_is_a_special_token_stops_though_no_answer_shows_it(http: httpx.Client) -> None:
    ends = {**ENDS_AT_ONCE, "ignore_eos": True}

    assert complete(http, **ends, stop="<|end|>") == ("", 1, "stop")
    assert complete(http, **ends, stop=["x", "<|end|>"], min_tokens=3)[1:] == (4, "stop")
    for shown in (None, False):
        kept = complete(http, **ends, stop="<|end|>", include_stop_str_in_output=True, skip_special_tokens=shown)
        assert kept == ("<|end|>", 1, "stop")
    assert (
        ask(http, max_tokens=3, ignore_eos=True, logit_bias={"0": 100}, generate_kwargs={"stop_strings": "<|end|>"})
        == ""
    )


def test_stop_token_ids(http: httpx.Client) -> None:
    assert complete(http, logit_bias={"70": 100}, stop_token_ids=[70]) == ("", 1, "stop")
    assert complete(http, logit_bias={"70": 100}, stop_token_ids=[70], ignore_eos=True)[2] == "stop"
    assert complete(http, logit_bias={"70": 100}, stop_token_ids=[70], include_stop_str_in_output=True)[0]


def test_include_stop_str_in_output(http: httpx.Client, reference: TransformersReference) -> None:
    whole = reference.completion(PROMPT, 20)
    stop = whole[4:8]
    end = whole.index(stop) + len(stop)

    assert complete(http, stop=stop, include_stop_str_in_output=True)[0] == whole[:end]


def test_generate_kwargs_have_transformers_names(http: httpx.Client, reference: TransformersReference) -> None:
    greedy = reference.chat(PROMPT, 12)

    assert ask(http, generate_kwargs={"max_new_tokens": 12, "do_sample": False, "temperature": 2}) == greedy
    assert ask(http, seed=1, generate_kwargs={"max_new_tokens": 12, "do_sample": True}) != greedy
    assert (
        ask(http, max_tokens=12, generate_kwargs={"stop_strings": greedy[3:6]}) == greedy[: greedy.index(greedy[3:6])]
    )
    assert ask(http, max_tokens=3, logit_bias={"70": 100}, generate_kwargs={"eos_token_id": [70]}) == ""


def test_max_length_counts_the_prompt(http: httpx.Client) -> None:
    usage = http.post("/chat", json={"prompt": PROMPT, "generate_kwargs": {"max_length": 40}}).json()["usage"]
    short = http.post("/chat", json={"prompt": PROMPT, "max_length": 3})

    assert usage["total_tokens"] == 40
    assert short.status_code == 400
    assert "max_length: the prompt alone has" in short.json()["error"]["message"]


def test_rules_that_leave_no_token_are_refused(http: httpx.Client) -> None:
    endless = http.post("/v1/completions", json={"prompt": "a", "allowed_token_ids": [END], "min_tokens": 2})
    used_up = http.post("/chat", json={"prompt": "a", "allowed_token_ids": [70], "no_repeat_ngram_size": 1})

    assert (endless.status_code, endless.json()["error"]["param"]) == (400, "allowed_token_ids")
    assert used_up.status_code == 400
    assert "leave no token" in used_up.json()["error"]["message"]


def test_how_the_chat_template_is_used(http: httpx.Client, reference: TransformersReference) -> None:
    turns = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "the quick"}]

    def rendered(**options: Any) -> str:
        return reference.completion(str(reference.tokenizer.apply_chat_template(turns, tokenize=False, **options)), 12)

    assert converse(http, turns) == rendered(add_generation_prompt=True)
    assert converse(http, turns, add_generation_prompt=False) == rendered()
    assert converse(http, turns, continue_final_message=True) == rendered(continue_final_message=True)
    assert converse(http, turns, chat_template_kwargs={"add_nothing": 1}) == rendered(add_generation_prompt=True)


def test_a_developer_is_the_system_to_a_template_that_knows_no_developer(http: httpx.Client) -> None:
    question = {"role": "user", "content": "a"}

    as_developer = converse(http, [{"role": "developer", "content": "be short"}, question])

    assert as_developer == converse(http, [{"role": "system", "content": "be short"}, question])
    assert as_developer != converse(http, [question])
