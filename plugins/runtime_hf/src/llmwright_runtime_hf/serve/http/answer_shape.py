"""The shape that a request asks of its answers: ``response_format`` as in OpenAI's API, or vLLM's names for it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from llmwright_runtime_hf.serve.engine.guides import GuideSource
from llmwright_runtime_hf.serve.http.openai_errors import ApiError

ANY_OBJECT = {"type": "object"}

Schema = dict[str, Any] | bool


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class SchemaOfAnswer(_Strict):
    """``response_format.json_schema``. ``strict`` changes nothing: answers always keep to the schema."""

    model_config = ConfigDict(populate_by_name=True, protected_namespaces=())

    name: str | None = None
    description: str | None = None
    schema_: Schema | None = Field(default=None, alias="schema")
    strict: bool | None = None


class AnswerFormat(_Strict):
    """``response_format``: plain text, any JSON object, or JSON of a schema."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: SchemaOfAnswer | None = None


class StructuredOutputs(_Strict):
    """vLLM's ``structured_outputs``: one of these, and none that is not built here."""

    model_config = ConfigDict(populate_by_name=True)

    json_: str | Schema | None = Field(default=None, alias="json")
    regex: str | None = None
    choice: Annotated[list[str], Field(min_length=1, fail_fast=True)] | None = None
    grammar: str | None = None
    json_object: bool | None = None


class ShapedRequest(BaseModel):
    """The fields of a request that ask for a shape. At most one of them may ask."""

    response_format: AnswerFormat | None = None
    structured_outputs: StructuredOutputs | None = None
    guided_json: str | Schema | None = None
    guided_regex: str | None = None
    guided_choice: Annotated[list[str], Field(min_length=1, fail_fast=True)] | None = None
    guided_grammar: str | None = None

    @property
    def is_shaped(self) -> bool:
        """Whether a field about shapes is there."""
        return any(getattr(self, name) is not None for name in ShapedRequest.model_fields)


def shape_of(request: ShapedRequest) -> tuple[str, GuideSource] | None:
    """Return the shape that is asked for, with the path of the field that asks; None for any text.

    Raises:
        ApiError: 400 where two fields ask, or a schema is missing.
    """
    asked = [*_of_format(request.response_format), *_of_structured(request.structured_outputs), *_of_guided(request)]
    if len(asked) > 1:
        paths = " and ".join(path for path, _ in asked[:2])
        raise ApiError(400, f"{paths} both ask for a shape", param=asked[1][0], code="invalid_value")
    return asked[0] if asked else None


def _of_format(asked: AnswerFormat | None) -> Iterator[tuple[str, GuideSource]]:
    path = "response_format.json_schema"
    if asked is None or asked.type == "text":
        return
    if asked.type == "json_object":
        yield "response_format", _schema(ANY_OBJECT)
        return
    if asked.json_schema is None or asked.json_schema.schema_ is None:
        path = path if asked.json_schema is None else f"{path}.schema"
        raise ApiError(400, f"{path}: Field required for this type", param=path, code="invalid_value")
    yield f"{path}.schema", _schema(asked.json_schema.schema_)


def _of_structured(asked: StructuredOutputs | None) -> Iterator[tuple[str, GuideSource]]:
    if asked is not None:
        schema = ANY_OBJECT if asked.json_object and asked.json_ is None else asked.json_
        yield from _all("structured_outputs.", schema, asked.regex, asked.choice, asked.grammar)


def _of_guided(asked: ShapedRequest) -> Iterator[tuple[str, GuideSource]]:
    yield from _all("guided_", asked.guided_json, asked.guided_regex, asked.guided_choice, asked.guided_grammar)


def _all(
    prefix: str, schema: str | Schema | None, regex: str | None, choice: list[str] | None, grammar: str | None
) -> Iterator[tuple[str, GuideSource]]:
    if schema is not None:
        yield f"{prefix}json", GuideSource("json", schema) if isinstance(schema, str) else _schema(schema)
    if regex is not None:
        yield f"{prefix}regex", GuideSource("regex", regex)
    if choice is not None:
        yield f"{prefix}choice", GuideSource("choice", json.dumps(choice))
    if grammar is not None:
        yield f"{prefix}grammar", GuideSource("lark", grammar)


def _schema(schema: Schema) -> GuideSource:
    return GuideSource("json", json.dumps(schema))
