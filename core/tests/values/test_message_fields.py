"""Which fields of a message must reach the model."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.values.message_fields import describing, must_be_read

MESSAGE = {"role": "assistant", "content": "hi"}


@pytest.mark.parametrize(
    ("field", "value", "lost"),
    [
        ("message_id", "m1", False),
        ("createdAt", 5, False),
        ("weight", 1, False),
        ("reasoning", "because", False),
        ("end_turn", True, False),
        ("end_turn", False, True),
        ("prefix", False, False),
        ("prefix", True, True),
        ("tool_calls", [{}], True),
        ("channel", "final", True),
        ("contnet", "hi", True),
        ("seed", 0, True),
    ],
)
def test_a_field_that_says_something_must_be_read(field: str, value: Any, lost: bool) -> None:
    assert must_be_read({**MESSAGE, field: value}, "") == ([field] if lost else [])


def test_a_template_may_write_the_final_channel_itself() -> None:
    assert must_be_read({**MESSAGE, "channel": "final"}, "<|channel|>final") == []


def test_names_that_describe_a_message_are_listed() -> None:
    assert [*describing({**MESSAGE, "id": 1, "prefix": True, "model_name": "m"})] == ["id", "model_name"]
