"""Each field of the table in ``docs/requests.md`` does what its row says, and the table has every field."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import BaseModel
from tests.support.hf_server import RunningServer
from tests.support.transformers_reference import TransformersReference

from llmwright_runtime_hf.serve.http.request_fields import (
    CHAT,
    CHAT_COMPLETIONS,
    COMPLETIONS,
    FIELDS,
    GENERATE_FIELDS,
    ROUTES,
    FieldRule,
)
from llmwright_runtime_hf.serve.http.requests import ChatCompletionRequest, CompletionRequest, PromptRequest

DOCUMENT = Path(__file__).parents[5] / "docs" / "requests.md"
PROMPT = "the quick brown"
MESSAGES = [{"role": "user", "content": PROMPT}]
MODELS: dict[str, type[BaseModel]] = {
    CHAT: PromptRequest,
    CHAT_COMPLETIONS: ChatCompletionRequest,
    COMPLETIONS: CompletionRequest,
}
ASKING: dict[str, Any] = {
    "n": 2, "best_of": 2, "echo": True, "logprobs": 0, "top_logprobs": 1, "tool_choice": "required",
    "tools": [{"type": "function", "function": {"name": "f"}}], "response_format": {"type": "json_object"},
    "use_beam_search": True, "early_stopping": True, "length_penalty": 2, "num_beams": 4,
}  # fmt: skip
"""A value of a refused field that asks for something; ``"x"`` for the others."""


def table(fields: dict[str, FieldRule], *, routes: bool) -> Iterator[str]:
    """Yield the lines of the table as the document must have them."""
    yield "| field | routes | |" if routes else "| field | |"
    yield "|---|---|---|" if routes else "|---|---|"
    for name, rule in fields.items():
        harmless = ", ".join(f"`{_json(value)}`" for value in rule.harmless)
        only = f"refused but for {harmless}" if harmless else "refused"
        effect = {"honoured": rule.note, "no effect": f"no effect: {rule.note}", "refused": only}[rule.effect]
        note = f"; {rule.note}" if rule.effect == "refused" and rule.note else ""
        where = "all" if rule.routes == ROUTES else ", ".join(f"`{route}`" for route in rule.routes)
        yield f"| `{name}` | {where} | {effect}{note} |" if routes else f"| `{name}` | {effect}{note} |"


def _json(value: object) -> str:
    return json.dumps(value)


def body_of(route: str, **fields: Any) -> dict[str, Any]:
    asked = {"messages": MESSAGES} if route == CHAT_COMPLETIONS else {"prompt": PROMPT}
    return {**asked, "max_tokens": 4, **fields}


def text_of(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    content = answer.json()
    if "response" in content:
        return str(content["response"])
    choice = content["choices"][0]
    return str(choice["message"]["content"] if "message" in choice else choice["text"])


def test_the_document_has_the_tables_of_the_program() -> None:
    text = DOCUMENT.read_text()

    assert "\n".join(table(FIELDS, routes=True)) in text
    assert "\n".join(table(GENERATE_FIELDS, routes=False)) in text


@pytest.mark.parametrize("route", ROUTES)
def test_the_table_names_the_fields_that_each_route_reads(route: str) -> None:
    honoured = {name for name, rule in FIELDS.items() if rule.effect == "honoured" and route in rule.routes}

    assert honoured == {*MODELS[route].model_fields, *(["generate_kwargs"] if route == CHAT else [])}


@pytest.fixture(scope="module")
def plain(server: RunningServer) -> dict[str, str]:
    """The answers without any further field."""
    with server.client() as http:
        return {route: text_of(http.post(route, json=body_of(route))) for route in ROUTES}


WALK = [name for name, rule in FIELDS.items() if rule.effect != "honoured"]


@pytest.mark.parametrize(("name", "route"), list(zip(WALK, cycle(ROUTES), strict=False)))
def test_a_field_is_refused_by_name_or_changes_nothing(
    http: httpx.Client, plain: dict[str, str], route: str, name: str
) -> None:
    rule = FIELDS[name]

    for value in (None, *rule.harmless):
        assert text_of(http.post(route, json=body_of(route, **{name: value}))) == plain[route]
    answer = http.post(route, json=body_of(route, **{name: ASKING.get(name, "x")}))

    if rule.effect == "no effect":
        assert text_of(answer) == plain[route]
    else:
        assert_refused(answer, name)


def test_the_prompt_stands_before_the_answer_where_it_is_asked_for(http: httpx.Client, plain: dict[str, str]) -> None:
    asked = body_of(CHAT, return_full_text=True)
    whole = http.post(CHAT, json=asked).json()
    assert whole["response"] == whole["Result"] == PROMPT + plain[CHAT]
    lines = http.post(CHAT, json={**asked, "stream": True}).text.splitlines()
    events = [json.loads(line.removeprefix("data:")) for line in lines if line.startswith("data: {")]
    assert "".join(event.get("response", "") for event in events) == PROMPT + plain[CHAT]
    assert_refused(http.post(COMPLETIONS, json=body_of(COMPLETIONS, return_full_text=True)), "return_full_text")
    assert http.post(CHAT, json=body_of(CHAT, return_full_text="yes")).status_code == 400


@pytest.mark.parametrize("name", [name for name, rule in GENERATE_FIELDS.items() if rule.effect != "honoured"])
def test_generate_kwargs_are_refused_by_name_or_change_nothing(
    http: httpx.Client, plain: dict[str, str], name: str
) -> None:
    rule = GENERATE_FIELDS[name]

    asked = dict.fromkeys([name], None if not rule.harmless else rule.harmless[-1])
    assert text_of(http.post(CHAT, json=body_of(CHAT, generate_kwargs=asked))) == plain[CHAT]
    answer = http.post(CHAT, json=body_of(CHAT, generate_kwargs={name: ASKING.get(name, "x")}))

    if rule.effect == "no effect":
        assert text_of(answer) == plain[CHAT]
    else:
        assert_refused(answer, f"generate_kwargs.{name}")


@pytest.mark.parametrize(
    ("route", "fields", "name"),
    [
        (CHAT, {"temprature": 0}, "temprature"),
        (COMPLETIONS, {"mirostat": 2}, "mirostat"),
        (COMPLETIONS, {"messages": MESSAGES}, "messages"),
        (CHAT_COMPLETIONS, {"prompt": "a"}, "prompt"),
        (CHAT_COMPLETIONS, {"typical_p": 0.5}, "typical_p"),
        (COMPLETIONS, {"generate_kwargs": {}}, "generate_kwargs"),
        (CHAT, {"generate_kwargs": {"no_such": 1}}, "generate_kwargs.no_such"),
        (CHAT, {"generate_kwargs": {"temperature": 1}, "temperature": 2}, "generate_kwargs.temperature"),
        (CHAT, {"generate_kwargs": [1]}, "generate_kwargs"),
        (CHAT, {"generate_kwargs.top_k": 1}, "generate_kwargs.top_k"),
        (CHAT, {"generate_kwargs.num_beams": 1}, "generate_kwargs.num_beams"),
        (CHAT, {"generate_kwargs": {"eos_token_id": 100000, "min_new_tokens": 2}}, "eos_token_id"),
        (CHAT, {"generate_kwargs": {"eos_token_id": [0, 100000]}}, "eos_token_id"),
        (CHAT_COMPLETIONS, {"chat_template_kwargs": {"self": 1}}, "chat_template_kwargs.self"),
        (CHAT_COMPLETIONS, {"chat_template_kwargs": {"tokenize": True}}, "chat_template_kwargs.tokenize"),
        (CHAT_COMPLETIONS, {"chat_template_kwargs": {"messages": []}}, "chat_template_kwargs.messages"),
        (CHAT_COMPLETIONS, {"continue_final_message": True, "add_generation_prompt": True}, "continue_final_message"),
        (CHAT_COMPLETIONS, {"stream": True, "stream_options": {"continuous_usage_stats": True}}, "stream_options"),
        (CHAT_COMPLETIONS, {"include_reasoning": False}, "include_reasoning"),
        (CHAT_COMPLETIONS, {"reasoning_effort": "low"}, "reasoning_effort"),
        (CHAT_COMPLETIONS, {"reasoning_effort": "some"}, "reasoning_effort"),
        (CHAT, {"reasoning_effort": "low"}, "reasoning_effort"),
        (COMPLETIONS, {"include_reasoning": False}, "include_reasoning"),
    ],
)
def test_what_no_route_knows_is_refused_by_name(
    http: httpx.Client, route: str, fields: dict[str, Any], name: str
) -> None:
    assert_refused(http.post(route, json=body_of(route, **fields)), name)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("repetition_penalty", 0, "greater than 0"),
        ("min_p", 1.5, "less than or equal to 1"),
        ("frequency_penalty", 3, "less than or equal to 2"),
        ("top_k", -2, "greater than or equal to -1"),
        ("min_tokens", 5, "5 is above the limit of 4"),
        ("stop_token_ids", [100000], "token id 100000 is not in the vocabulary"),
        ("allowed_token_ids", [100000], "token id 100000 is not in the vocabulary"),
        ("allowed_token_ids", [], "at least 1 item"),
        ("logit_bias", {"100000": 1}, "token id 100000 is not in the vocabulary"),
        ("logit_bias", {"a": 1}, "its keys are token ids"),
        ("logit_bias", {"5": 101}, "less than or equal to 100"),
        ("logit_bias", [1], "its keys are token ids"),
        ("logit_bias", {"5": 1, "05": 2}, "a token stands twice"),
        ("repetition_penalty", 1e-45, "cannot be by less than 1e-06"),
        ("stop", "x" * 1025, "at most 1024 characters"),
        ("prompt", [[1, 2], [300000]], "token id 300000 is not in the vocabulary"),
        ("prompt", [], "the prompt is empty"),
        ("prompt", [[]], "the prompt is empty"),
        ("prompt", [True], "a prompt is"),
        ("prompt", [1, "a"], "a prompt is"),
        ("prompt", {}, "a prompt is"),
    ],
)
def test_a_value_that_cannot_be_is_refused_by_its_field(
    http: httpx.Client, field: str, value: object, said: str
) -> None:
    answer = http.post(COMPLETIONS, json=body_of(COMPLETIONS, **{field: value}))

    assert_refused(answer, field)
    assert said in answer.json()["error"]["message"]


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_no_number_is_no_number(http: httpx.Client, value: bytes) -> None:
    for field in (b"temperature", b"repetition_penalty", b"min_p", b"frequency_penalty"):
        answer = http.post(COMPLETIONS, content=b'{"prompt": "a", "%b": %b}' % (field, value))
        assert_refused(answer, field.decode())


def assert_refused(answer: httpx.Response, name: str) -> None:
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"].partition(".<key")[0].startswith(name), error
    assert name in error["message"]
    assert error["type"] == "invalid_request_error"


def test_a_batch_of_one_prompt_of_token_ids(http: httpx.Client, reference: TransformersReference) -> None:
    ids = reference.tokenizer(PROMPT)["input_ids"]

    assert text_of(http.post(COMPLETIONS, json=body_of(COMPLETIONS, prompt=[ids]))) == reference.completion(PROMPT, 4)


@pytest.mark.parametrize(
    ("options", "param"),
    [
        ({"max_new_tokens": 0}, "generate_kwargs.max_new_tokens"),
        ({"top_p": 1.5}, "generate_kwargs.top_p"),
        ({"eos_token_id": -1}, "generate_kwargs.eos_token_id"),
        ({"stop_strings": [""]}, "generate_kwargs.stop_strings"),
    ],
)
def test_a_wrong_value_has_the_name_that_the_client_wrote(
    http: httpx.Client, options: dict[str, Any], param: str
) -> None:
    assert_refused(http.post(CHAT, json=body_of(CHAT, generate_kwargs=options)), param)
