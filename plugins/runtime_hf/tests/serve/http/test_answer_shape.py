"""Answers keep to the shape that OpenAI's client asks for."""

from __future__ import annotations

import json
import re
from typing import Any, Literal

import openai
import pytest
from openai.types.chat import ChatCompletionUserMessageParam
from pydantic import BaseModel

pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")

MESSAGES: list[ChatCompletionUserMessageParam] = [{"role": "user", "content": "the quick brown"}]
PERSON = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "maxLength": 8},
        "age": {"type": "integer", "minimum": 0, "maximum": 150},
        "kind": {"enum": ["cat", "dog"]},
    },
    "required": ["name", "age", "kind"],
    "additionalProperties": False,
}


class Ship(BaseModel):
    colour: Literal["red", "blue"]
    masts: Literal[1, 2, 3]


class Harbour(BaseModel):
    ships: tuple[Ship, Ship]
    open: bool


def said(client: openai.OpenAI, **fields: Any) -> str:
    asked: dict[str, Any] = {"model": "tiny", "messages": MESSAGES, "max_tokens": 300, **fields}
    choice = client.chat.completions.create(**asked).choices[0]
    assert choice.finish_reason == "stop", choice
    return choice.message.content or ""


def of_schema(schema: Any) -> Any:
    return {"type": "json_schema", "json_schema": {"name": "it", "schema": schema, "strict": True}}


@pytest.mark.parametrize("temperature", [0, 1.5])
def test_a_json_schema_is_kept(client: openai.OpenAI, temperature: float) -> None:
    person = json.loads(said(client, response_format=of_schema(PERSON), temperature=temperature, seed=2))

    assert [*person] == ["name", "age", "kind"]
    assert len(person["name"]) <= 8
    assert person["age"] in range(151)
    assert person["kind"] in ("cat", "dog")


def test_the_client_parses_a_model_of_pydantic(client: openai.OpenAI) -> None:
    made = client.chat.completions.parse(model="tiny", messages=MESSAGES, response_format=Harbour, max_tokens=300)

    assert isinstance(made.choices[0].message.parsed, Harbour)


def test_a_shape_streams_in_a_batch_of_others(client: openai.OpenAI) -> None:
    asked: dict[str, Any] = {"model": "tiny", "messages": MESSAGES, "max_tokens": 300, "temperature": 1.5, "seed": 4}
    texts = [""] * 4
    for chunk in client.chat.completions.create(**asked, n=4, stream=True, response_format=of_schema(PERSON)):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""

    assert len({json.loads(text)["name"] for text in texts}) > 1


def test_an_adapter_and_a_plain_text_keep_it_too(client: openai.OpenAI) -> None:
    assert json.loads(said(client, model="facts", response_format=of_schema({"enum": ["red", "blue"]}))) in (
        "red",
        "blue",
    )
    text = client.completions.create(
        model="rhymes", prompt="a", max_tokens=20, extra_body={"guided_choice": ["a boat", 'ä "kite"\n']}
    )
    assert text.choices[0].text in ("a boat", 'ä "kite"\n')
    assert text.choices[0].finish_reason == "stop"


def test_vllm_s_names_for_shapes(client: openai.OpenAI) -> None:
    regex: tuple[dict[str, Any], ...] = (
        {"guided_regex": "[a-f]{5}[0-9]"},
        {"structured_outputs": {"regex": "[a-f]{5}[0-9]"}},
    )
    schema: tuple[dict[str, Any], ...] = (
        {"guided_json": json.dumps(PERSON)},
        {"guided_json": PERSON},
        {"structured_outputs": {"json": PERSON}},
    )
    for shape in regex:
        assert re.fullmatch("[a-f]{5}[0-9]", said(client, extra_body=shape))
    for shape in schema:
        assert json.loads(said(client, extra_body=shape))["age"] in range(151)
    lark = 'start: "x" NUMBER\nNUMBER: /[0-9]{3}/'
    assert re.fullmatch("x[0-9]{3}", said(client, extra_body={"guided_grammar": lark}))


def test_it_ends_without_an_end_token_too(client: openai.OpenAI) -> None:
    assert said(client, extra_body={"guided_choice": ["red"], "ignore_eos": True}) == "red"


def test_any_object_is_json_as_far_as_it_goes(client: openai.OpenAI) -> None:
    made = client.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=40, response_format={"type": "json_object"}, temperature=1, seed=1
    )
    assert (made.choices[0].message.content or "").startswith("{")


@pytest.mark.parametrize(
    ("fields", "path", "text"),
    [
        ({"response_format": {"type": "json"}}, "response_format.type", "json_object"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema", "Field required"),
        ({"response_format": of_schema(None)}, "response_format.json_schema.schema", "Field required"),
        ({"response_format": of_schema({"type": "objekt"})}, "response_format.json_schema.schema", "objekt"),
        (
            {"response_format": of_schema({"properties": {"a": {"items": {"type": "strin"}}}, "$defs": {"b": {}}})},
            "response_format.json_schema.schema.properties.a.items",
            "strin",
        ),
        (
            {"response_format": of_schema({"anyOf": [{"$ref": "#/$defs/b"}, {"not": {}}], "$defs": {"b": {}}})},
            "response_format.json_schema.schema.anyOf.1",
            "not",
        ),
        ({"response_format": of_schema({"$ref": "#/$defs/x"})}, "response_format.json_schema.schema", "$defs/x"),
        ({"response_format": of_schema({"$ref": "http://127.0.0.1/x"})}, "response_format.json_schema.schema", "127"),
        ({"response_format": of_schema({"$ref": "#"})}, "response_format.json_schema.schema", "no answer has this"),
        ({"extra_body": {"guided_regex": "(a"}}, "guided_regex", "unclosed group"),
        ({"extra_body": {"guided_regex": "(?=a)b"}}, "guided_regex", "look-around"),
        ({"extra_body": {"guided_grammar": "start: nobody"}}, "guided_grammar", "nobody"),
        ({"extra_body": {"guided_json": "{"}}, "guided_json", "no JSON"),
        ({"extra_body": {"guided_json": False}}, "guided_json", "allows no answer"),
        ({"extra_body": {"guided_json": "[1]"}}, "guided_json", "is an object"),
        ({"extra_body": {"guided_choice": []}}, "guided_choice", "at least 1 item"),
        ({"extra_body": {"structured_outputs": {"yaml": 1}}}, "structured_outputs.yaml", "not permitted"),
        (
            {"response_format": of_schema(PERSON), "extra_body": {"guided_regex": "a"}},
            "guided_regex",
            "both ask for a shape",
        ),
    ],
)  # fmt: skip
def test_a_wrong_shape_is_refused_with_its_place(
    client: openai.OpenAI, fields: dict[str, Any], path: str, text: str
) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        said(client, **fields)
    assert refused.value.param == path
    assert text in refused.value.message
    assert path in refused.value.message


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "string"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


BOMBS = {
    "large": {"properties": {f"p{number}": {"type": "string"} for number in range(5000)}},
    "deep": nested(120),
    "product": {"allOf": [{"anyOf": [{"properties": {f"p{i}": {"const": j}}} for j in range(9)]} for i in range(9)]},
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(client: openai.OpenAI, name: str) -> None:
    with pytest.raises(openai.BadRequestError, match=r"too large|characters|levels deep"):
        said(client, response_format=of_schema(BOMBS[name]))


@pytest.mark.parametrize(
    "schema", [{"type": "string", "pattern": "((a{1,100}){1,100}){1,100}b"}, {"enum": [*range(5000)]}]
)
def test_a_shape_without_end_or_with_many_ways_is_answered(client: openai.OpenAI, schema: Any) -> None:
    made = client.chat.completions.create(
        model="tiny", messages=MESSAGES, max_tokens=4, response_format=of_schema(schema), temperature=1, seed=1
    )
    assert made.choices[0].finish_reason in ("stop", "length")
