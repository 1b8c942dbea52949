"""The type of an argument that comes as plain text."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright_runtime_hf.serve.http.calls.argument_types import property_schema, texts_of, typed


@pytest.mark.parametrize(
    ("text", "schema", "value"),
    [
        ("12", {"type": "string"}, "12"),
        ("12", None, "12"),
        ("12", {"type": "integer"}, 12),
        ("12.0", {"type": "integer"}, 12),
        ("1.5", {"type": ["number", "null"]}, 1.5),
        ("None", {"type": ["number", "null"]}, None),
        ("True", {"type": "boolean"}, True),
        ("true", {"type": "number"}, "true"),
        ("twelve", {"type": "integer"}, "twelve"),
        ("[1, {}]", {"type": "array"}, [1, {}]),
        ("[1", {"type": "array"}, "[1"),
        ("null", {"anyOf": [{"type": "string"}, {"type": "null"}]}, None),
        ("x", {"anyOf": [{"type": "string"}, {"type": "null"}]}, "x"),
        ("2", {"enum": [1, 2]}, 2),
        ("2", {"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}, 2),
        ("2", {"$ref": "#/$defs/n", "$defs": {"n": {"$ref": "#/$defs/n"}}}, "2"),
        ("1e999", {"type": "number"}, "1e999"),
        ("{" * 5000, {"type": "object"}, "{" * 5000),
        ("2", {"type": {}, "anyOf": 3, "enum": {}}, "2"),
    ],
)
def test_the_schema_says_what_a_text_is(text: str, schema: Any, value: Any) -> None:
    given = typed(text, schema)

    assert (given, type(given)) == (value, type(value))


def test_properties_know_what_they_refer_to() -> None:
    parameters = {
        "$ref": "#/$defs/p",
        "$defs": {"p": {"properties": {"a": {"$ref": "#/$defs/s"}}}, "s": {"enum": ["x"]}},
    }

    assert texts_of(property_schema(parameters, "a")) == ["x"]
    assert property_schema(parameters, "b") is None
