"""Make a small random Llama with a byte-level tokenizer, and LoRA adapters for it, saved as real ones are."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, pre_tokenizers, trainers
from tokenizers.models import BPE
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 32768
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'tool' %}{{ raise_exception('tools are not known here') }}{% endif %}"
    "<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
_TEXT = ["the quick brown fox jumps over the lazy dog", "a boat, a kite, a house of light"]


@dataclass(frozen=True)
class Models:
    """Directories as a user has them."""

    base: Path
    facts: Path
    rhymes: Path


def save_models(root: Path) -> Models:
    made = Models(root / "base", root / "facts", root / "rhymes")
    save_model(made.base, save_tokenizer(made.base))
    save_adapter(made.base, made.facts, seed=1)
    save_adapter(made.base, made.rhymes, seed=2)
    return made


def save_tokenizer(directory: Path) -> int:
    """Write the tokenizer with its chat template. Returns its size."""
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=byte_level_tokenizer(), eos_token="<|end|>", pad_token="<|end|>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(directory)
    return len(tokenizer)


def byte_level_tokenizer() -> Tokenizer:
    """Train a byte-level BPE tokenizer, in which a character beyond ASCII is several tokens."""
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=["<|end|>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(_TEXT, trainer)
    return backend


def save_model(directory: Path, vocabulary: int, *, seed: int = 0, hidden: int = 64) -> None:
    """Write a two-layer Llama whose weights are large enough for its greedy text to differ from prompt to prompt."""
    torch.manual_seed(seed)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=vocabulary,
            hidden_size=hidden,
            intermediate_size=128,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=CONTEXT,
            initializer_range=0.4,
            bos_token_id=None,
            eos_token_id=0,
            pad_token_id=0,
        )
    )
    with torch.no_grad():
        # The end token's logit is always 0: never the likeliest, so that greedy answers are as long as asked for.
        model.lm_head.weight[0] = 0
    model.save_pretrained(directory)


def save_adapter(base: Path, directory: Path, *, seed: int) -> None:
    """Write a LoRA adapter whose both halves are random, so that it changes every answer."""
    torch.manual_seed(seed)
    config = LoraConfig(r=4, lora_alpha=8, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    with quiet_peft():
        get_peft_model(AutoModelForCausalLM.from_pretrained(base), config).save_pretrained(str(directory))


@contextmanager
def quiet_peft() -> Iterator[None]:
    """PEFT reads an attribute that transformers has deprecated, and warnings are errors here."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=FutureWarning, message=".*is_gradient_checkpointing")
        yield
