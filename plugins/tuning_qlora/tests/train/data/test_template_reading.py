"""What a message says is read by the template, or refused by its name; what only describes it is no fault."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.chat_templates import CHATML, MARKED, SPECIAL
from tests.support.tiny_models import byte_level_tokenizer
from transformers import PreTrainedTokenizerFast

from llmwright_tuning_qlora.train.data.column_mapping import ColumnMapping
from llmwright_tuning_qlora.train.data.example import Conversation, parse_example
from llmwright_tuning_qlora.train.data.tokenization import Encoded, ExampleTokenizer

CHANNELS = (
    "{% for m in messages %}<|header|>{{ m.role }}{% if m.recipient %} to={{ m.recipient }}{% endif %}"
    "{% if m.channel == 'analysis' %}<|begin|>analysis{% elif m.role == 'assistant' %}<|begin|>final{% endif %}"
    "<|end_header|>{{ m.content }}{{ '<|end|>' if m.end_turn is false else '<|eot|>' }}{% endfor %}"
    "{% if add_generation_prompt %}<|header|>assistant{% endif %}"
)
"""Reads channel, recipient and end_turn."""
DEAF = (
    "{% for m in messages %}{% if m.role == 'user' %}<|user|>{{ m.content }}"
    "{% elif m.role == 'assistant' %}<|assistant|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
"""Leaves out turns of other roles in silence."""
USER, ANSWER = {"role": "user", "content": "Who?"}, {"role": "assistant", "content": "Paris"}


@pytest.fixture(scope="module")
def tokenizer() -> Any:
    backend = byte_level_tokenizer(("Who?", "Paris", "assistant", "analysis", "final") * 20, special=SPECIAL)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|endoftext|>")


def encode(tokenizer: Any, template: str, *messages: dict[str, Any], **columns: Any) -> Encoded:
    tokenizer.chat_template = template
    example = parse_example({"messages": list(messages), **columns}, ColumnMapping("messages", ("messages",)))
    assert isinstance(example, Conversation), example
    [encoded] = ExampleTokenizer(tokenizer).encode([example])
    return encoded


@pytest.mark.parametrize("template", [CHATML, MARKED], ids=["plain", "marked"])
@pytest.mark.parametrize(
    "field",
    [
        {"channel": "analysis"},
        {"channel": "final"},
        {"recipient": "functions.weather"},
        {"end_turn": False},
        {"prefix": True},
        {"partial": True},
        {"train_detail": [{"begin_offset": 0, "end_offset": 1, "train": False}]},
        {"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]},
        {"function_calls": "f()"},
        {"reasoning_details": [{"text": "because"}]},
        {"thought": "because"},
        {"prefilled": 1},
    ],
    ids=lambda field: next(iter(field)),
)
def test_a_field_that_no_template_reads_is_refused_by_name(tokenizer: Any, template: str, field: Any) -> None:
    [name] = field
    said = f"messages[1].{name} is not read by the chat template; take it out"
    assert str(encode(tokenizer, template, USER, {**ANSWER, **field})).startswith(said)
    # In the history and in a question it changes the prompt.
    history = encode(tokenizer, template, USER, {**ANSWER, **field, "weight": 0}, USER, ANSWER)
    assert str(history).startswith(said)
    if name != "tool_calls":
        assert f"messages[0].{name} is not read" in str(encode(tokenizer, template, {**USER, **field}, ANSWER))


@pytest.mark.parametrize(
    "fields",
    [
        pytest.param({"turn_identifier": 7, "hashed_ip": "e1", "toxic": False, "header": {"a": "b"}}, id="WildChat"),
        pytest.param({"message_id": "a", "parent_id": None, "rank": 0, "synthetic": False, "lang": "en"}, id="OASST"),
        pytest.param({"end_turn": True, "recipient": "all", "create_time": 1.5, "metadata": {}}, id="ChatGPT export"),
        pytest.param({"info": {"source": "x", "think_content": "y"}}, id="AM-DeepSeek-R1"),
        pytest.param({"name": "ada", "timestamp": "2026-01-01", "createdAt": 1, "id": 3}, id="of one's own"),
        pytest.param({"prefix": False, "channel": None, "tool_calls": [], "content_type": "text"}, id="nothing said"),
        pytest.param({"usage": {"total_tokens": 3}, "finish_reason": "stop", "model": "m"}, id="API log"),
        pytest.param({"cache_control": {"type": "ephemeral"}, "type": "message"}, id="Anthropic"),
    ],
)
def test_fields_that_describe_a_message_are_no_fault(tokenizer: Any, fields: dict[str, Any]) -> None:
    plain = encode(tokenizer, CHATML, USER, ANSWER)
    assert encode(tokenizer, CHATML, {**USER, **fields}, {**ANSWER, **fields}) == plain


def test_fields_that_a_template_reads_are_learned(tokenizer: Any) -> None:
    thinks = {**ANSWER, "channel": "analysis", "end_turn": False}
    rows = encode(tokenizer, CHANNELS, USER, thinks, {**ANSWER, "channel": "final", "recipient": "user"})
    assert not isinstance(rows, str)
    text = "".join(tokenizer.decode(row.ids) for row in rows)
    assert "assistant<|begin|>analysis<|end_header|>Paris<|end|>" in text
    assert "assistant to=user<|begin|>final<|end_header|>Paris<|eot|>" in text


def test_a_final_channel_says_nothing_where_the_template_writes_it(tokenizer: Any) -> None:
    harmony = CHATML.replace(
        "{{ m.content }}", "{% if m.role == 'assistant' %}<|channel|>final{% endif %}{{ m.content }}"
    )
    assert not isinstance(encode(tokenizer, harmony, USER, {**ANSWER, "channel": "final"}), str)
    said = encode(tokenizer, harmony, USER, {**ANSWER, "channel": "analysis"})
    assert "messages[1].channel is not read" in str(said)


def test_a_turn_and_tools_that_a_template_leaves_out_are_refused(tokenizer: Any) -> None:
    said = encode(tokenizer, DEAF, {"role": "system", "content": "Rhyme."}, USER, ANSWER)
    assert str(said).startswith("messages[0], of the role system, is not read by the chat template")
    assert str(encode(tokenizer, DEAF, USER, ANSWER, tools=[{"type": "function"}])).startswith("'tools' is not read")
    assert not isinstance(encode(tokenizer, DEAF, USER, ANSWER), str)
