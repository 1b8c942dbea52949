"""The smallest model that is a whole one: eight words, one layer, and a LoRA adapter."""

from __future__ import annotations

from pathlib import Path

from tests.support.tiny_models import llama_config, save_adapter, save_tokenizer
from tokenizers import Tokenizer, pre_tokenizers
from tokenizers.models import WordLevel
from transformers import LlamaForCausalLM

WORDS = ("<unk>", "<|end|>", "hello", "a", "<|user|>", "<|assistant|>", "<|system|>", "b")


def save_tiny_model(directory: Path) -> None:
    """Write the model with its tokenizer."""
    backend = Tokenizer(WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="<unk>"))
    backend.pre_tokenizer = pre_tokenizers.Whitespace()
    save_tokenizer(directory, backend)
    config = llama_config(
        len(WORDS),
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=64,
    )
    LlamaForCausalLM(config).save_pretrained(directory)


def save_tiny_adapter(base: Path, directory: Path) -> None:
    """Write an adapter of the model in ``base``."""
    save_adapter(base, directory, seed=0)
