"""``/v1/responses`` as OpenAI's client asks it."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from tests.support.transformers_reference import TransformersReference

PROMPT = "the quick brown"


def test_a_text_is_answered(client: openai.OpenAI, reference: TransformersReference) -> None:
    made = client.responses.create(model="tiny", input=PROMPT, max_output_tokens=12, temperature=0)

    assert made.output_text == reference.chat(PROMPT, 12)
    assert (made.status, made.model, made.object) == ("incomplete", "tiny", "response")
    assert made.usage is not None
    assert made.usage.output_tokens == 12


def test_a_conversation_and_instructions_are_those_of_a_chat(client: openai.OpenAI) -> None:
    talk: Any = [
        {"role": "user", "content": [{"type": "input_text", "text": PROMPT}]},
        {"role": "assistant", "content": "fox"},
        {"role": "user", "content": "jumps"},
    ]
    made = client.responses.create(model="tiny", input=talk, instructions="be brief", max_output_tokens=8)
    plain: Any = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": PROMPT},
        *talk[1:],
    ]
    chat = client.chat.completions.create(model="tiny", messages=plain, max_tokens=8)

    assert made.output_text == chat.choices[0].message.content
    assert made.usage is not None
    assert chat.usage is not None
    assert made.usage.input_tokens == chat.usage.prompt_tokens
    again: Any = [*talk, *(item.model_dump() for item in made.output), {"role": "user", "content": "a"}]
    assert client.responses.create(model="tiny", input=again, max_output_tokens=1).usage


def test_a_stream_has_named_and_numbered_events(client: openai.OpenAI, reference: TransformersReference) -> None:
    events: list[Any] = [*client.responses.create(model="tiny", input=PROMPT, max_output_tokens=12, stream=True)]

    assert [event.sequence_number for event in events] == [*range(len(events))]
    assert [events[0].type, events[-1].type] == ["response.created", "response.incomplete"]
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert "".join(deltas) == reference.chat(PROMPT, 12) == events[-1].response.output_text
    assert events[-1].response.usage.output_tokens == 12


def test_a_schema_is_kept(client: openai.OpenAI) -> None:
    pytest.importorskip("llguidance", reason="llguidance is not installed: it comes with the extra serve")
    form: Any = {"format": {"type": "json_schema", "name": "it", "schema": {"enum": ["red", "blue"]}, "strict": True}}
    made = client.responses.create(model="tiny", input=PROMPT, text=form, max_output_tokens=50)

    assert json.loads(made.output_text) in ("red", "blue")
    assert made.status == "completed"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"previous_response_id": "resp_1"}, "previous_response_id"),
        ({"tools": [{"type": "web_search"}]}, "tools"),
        ({"background": True}, "background"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"input": []}, "input"),
        ({"input": [{"type": "reasoning", "id": "rs_1", "summary": []}]}, "input"),
        ({"reasoning": {"summary": "auto"}}, "reasoning.summary"),
        ({"reasoning": {"effort": "low"}}, "reasoning"),
        ({"input": [{"role": "user", "content": [{"type": "input_image", "image_url": "x"}]}]}, "input.0"),
        ({"extra_body": {"max_tokens": 5}}, "max_tokens"),
    ],
)
def test_what_is_not_held_is_refused(client: openai.OpenAI, fields: dict[str, Any], param: str) -> None:
    with pytest.raises(openai.BadRequestError) as refused:
        client.responses.create(**{"model": "tiny", "input": PROMPT, **fields})
    assert (refused.value.param or "").startswith(param), refused.value
