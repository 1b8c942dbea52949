"""The demo model's tokenizer: byte-level BPE trained on its text, one token per role, and the chat template."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, cast

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

END = "<|end|>"
PAD = "<|pad|>"
SPECIAL = (PAD, END, "<|system|>", "<|user|>", "<|assistant|>")
CHAT_TEMPLATE = Path(__file__).with_name("chat_template.jinja")


def train_tokenizer(text: Iterable[str], vocabulary: int, context: int) -> PreTrainedTokenizerFast:
    """Train a tokenizer of ``vocabulary`` tokens for any text. Special tokens come first; ``<|pad|>`` is 0."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(text, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=END,
        pad_token=PAD,
        additional_special_tokens=list(SPECIAL[2:]),
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE.read_text(encoding="utf-8"),
    )


def encode_chats(
    tokenizer: PreTrainedTokenizerBase, chats: Sequence[list[dict[str, str]]], **options: Any
) -> dict[str, torch.Tensor]:
    """Encode conversations with the chat template, as tensors ``[conversations, longest]`` by name."""
    encoded = tokenizer.apply_chat_template(list(chats), return_dict=True, return_tensors="pt", padding=True, **options)
    return dict(cast("dict[str, torch.Tensor]", encoded))
