"""A small random gpt-oss: the architecture, the special tokens of its format, and a template that writes that format.

The template is of our own words, and has of the real one what a server meets: channels, calls, the answer of a tool.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

import torch
from tests.support.tiny_models import byte_level_tokenizer, save_tokenizer
from transformers import GptOssConfig, GptOssForCausalLM, PreTrainedTokenizerFast

SPECIAL = (
    *("<|return|>", "<|endoftext|>", "<|start|>", "<|channel|>", "<|constrain|>"),
    *("<|message|>", "<|end|>", "<|call|>"),
)
"""By their ids."""
RETURN, CHANNEL, MESSAGE, END, CALL = (
    SPECIAL.index(f"<|{name}|>") for name in ("return", "channel", "message", "end", "call")
)
VOCABULARY = 300
TEMPLATE = (
    "{% set last = namespace(tool='') %}<|start|>system<|message|>Effort: {{ reasoning_effort or 'medium' }}.<|end|>"
    "{% if tools %}<|start|>developer<|message|>{% for tool in tools %}{{ tool | tojson }}{% endfor %}"
    "<|end|>{% endif %}"
    "{% for m in messages %}"
    "{% if m.role == 'tool' %}<|start|>functions.{{ last.tool }} to=assistant<|channel|>commentary<|message|>"
    "{{ m.content }}<|end|>"
    "{% elif m.role == 'assistant' and m.tool_calls %}"
    "{% if m.thinking and m.content %}{{ raise_exception('one of content and thinking') }}{% endif %}"
    "{% if m.thinking or m.content %}<|start|>assistant<|channel|>analysis<|message|>"
    "{{ m.thinking or m.content }}<|end|>{% endif %}"
    "{% set call = m.tool_calls[0].function %}{% set last.tool = call.name %}<|start|>assistant<|channel|>commentary"
    " to=functions.{{ call.name }} <|constrain|>json<|message|>{{ call.arguments | tojson }}<|call|>"
    "{% elif m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}"
    "{{ '<|return|>' if loop.last and not add_generation_prompt else '<|end|>' }}"
    "{% else %}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}<|start|>assistant{% endif %}"
)


@cache
def channel_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer, without a template."""
    backend = byte_level_tokenizer(special=SPECIAL, vocabulary=VOCABULARY)
    return PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<|return|>", pad_token="<|endoftext|>")


def save_channel_model(directory: Path, **changes: Any) -> None:
    """Write the model: a mixture of experts with a sliding window, whose greedy answers reach ``max_tokens``."""
    backend = byte_level_tokenizer(special=SPECIAL, vocabulary=VOCABULARY)
    size = save_tokenizer(directory, backend, eos_token="<|return|>", chat_template=TEMPLATE, pad_token="<|endoftext|>")
    torch.manual_seed(0)
    sizes: dict[str, Any] = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2,
        "max_position_embeddings": 4096, "sliding_window": 16, "initializer_range": 0.4,
        "layer_types": ["sliding_attention", "full_attention"],
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        "bos_token_id": None, "eos_token_id": [RETURN, CALL], "pad_token_id": SPECIAL.index("<|endoftext|>"),
    }  # fmt: skip
    model = GptOssForCausalLM(GptOssConfig(vocab_size=size, **{**sizes, **changes}))
    with torch.no_grad():
        # As in ``save_model``: no special token is ever the likeliest.
        model.lm_head.weight[: len(SPECIAL)] = 0
    model.save_pretrained(directory)


def tokens_of(text: str) -> list[int]:
    """Return the ids of a text in which special tokens are written out."""
    return [int(token) for token in channel_tokenizer()(text, add_special_tokens=False)["input_ids"]]


def spelled(text: str) -> list[int]:
    """Return the ids of a text none of whose tokens is a special one, whatever it spells."""
    return [token for letter in text for token in tokens_of(letter)]


def merged(pieces: Iterable[tuple[Any, str]]) -> list[tuple[str, str]]:
    """Return what each part says: ``content``, ``reasoning`` or the name of a tool, and the whole text."""
    said = dict[Any, str]()
    for part, text in pieces:
        if text or part.kind == "call":
            said[part] = said.get(part, "") + text
    return [(part.tool or part.kind, text) for part, text in said.items()]
