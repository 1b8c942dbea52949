"""A small random model that thinks between ``<think>`` and ``</think>``: its tokens, and a template that knows both."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from tests.support.tiny_models import byte_level_tokenizer, save_model, save_tokenizer
from tokenizers import AddedToken, Tokenizer
from transformers import PreTrainedTokenizerFast

TURNS = ("<|end|>", "<|user|>", "<|assistant|>", "<|system|>", "<|tool|>", "[THINK]", "[/THINK]")
"""Special tokens, by their ids."""
WORDS = ("<think>", "</think>", "<tool_call>", "</tool_call>")
"""Tokens that are not special, as in the tokenizers of Qwen and DeepSeek."""
TEMPLATE = (
    "{% if tools %}<|system|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% if enable_thinking is defined and not enable_thinking %}"
    "<think>\n\n</think>\n\n{% elif opened %}<think>\n{% endif %}{% endif %}"
)
"""In our own words. With ``opened`` the prompt begins the reasoning, as DeepSeek-R1's."""


@cache
def _backend() -> Tokenizer:
    backend = byte_level_tokenizer(special=TURNS)
    backend.add_tokens([AddedToken(word, special=False, normalized=False) for word in WORDS])
    return backend


@cache
def thinking_tokenizer() -> PreTrainedTokenizerFast:
    """Return the tokenizer, without a template."""
    return PreTrainedTokenizerFast(tokenizer_object=_backend(), eos_token="<|end|>", pad_token="<|end|>")


def save_thinking_model(directory: Path) -> None:
    """Write the model."""
    save_model(directory, save_tokenizer(directory, _backend(), chat_template=TEMPLATE, pad_token="<|end|>"))


def tokens_of(text: str) -> list[int]:
    """Return the ids of a text in which special tokens are written out."""
    return [int(token) for token in thinking_tokenizer()(text, add_special_tokens=False)["input_ids"]]
