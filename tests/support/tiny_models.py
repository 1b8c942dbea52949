"""Make small random Llamas with a byte-level tokenizer, and LoRA adapters for them, saved as real ones are."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from tokenizers import Tokenizer, decoders, normalizers, pre_tokenizers, processors, trainers
from tokenizers.models import BPE, WordLevel
from transformers import AutoModelForCausalLM, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

CONTEXT = 32768
TEMPLATE = (
    "{% for message in messages %}"
    "{% if message['role'] == 'tool' %}{{ raise_exception('tools are not known here') }}{% endif %}"
    "<|{{ message['role'] }}|>{{ message['content'] }}<|end|>"
    "{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
CHATML = (
    "{% for message in messages %}{% if message['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
_TEXT = ("the quick brown fox jumps over the lazy dog", "a boat, a kite, a house of light")


@dataclass(frozen=True)
class ServedModels:
    """Directories of a base model and two adapters, as a user has them."""

    base: Path
    facts: Path
    rhymes: Path


def save_served_models(root: Path) -> ServedModels:
    """Write a base with a long context and two adapters below ``root``."""
    models = ServedModels(root / "base", root / "facts", root / "rhymes")
    save_model(models.base, save_tokenizer(models.base, pad_token="<|end|>"))
    save_adapter(models.base, models.facts, seed=1)
    save_adapter(models.base, models.rhymes, seed=2)
    return models


def save_chatml_model(directory: Path, texts: Sequence[str]) -> None:
    """Write a base to tune: ChatML, a context of 96 tokens, 0.1 million parameters; its tokenizer knows ``texts``."""
    special = ("<|im_start|>", "<|im_end|>", "<|endoftext|>")
    backend = byte_level_tokenizer(texts, special=special, vocabulary=320)
    vocabulary = save_tokenizer(directory, backend, eos_token="<|endoftext|>", chat_template=CHATML)
    torch.manual_seed(0)
    config = llama_config(
        vocabulary, num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=96, initializer_range=0.2
    )
    LlamaForCausalLM(config).save_pretrained(directory)


def save_tokenizer(
    directory: Path,
    backend: Tokenizer | None = None,
    *,
    eos_token: str = "<|end|>",
    chat_template: str = TEMPLATE,
    pad_token: str | None = None,
) -> int:
    """Write a tokenizer with its chat template. Returns the size of its vocabulary."""
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=backend or byte_level_tokenizer(), eos_token=eos_token, pad_token=pad_token
    )
    tokenizer.chat_template = chat_template
    tokenizer.save_pretrained(directory)
    return len(tokenizer)


def byte_level_tokenizer(
    texts: Sequence[str] = _TEXT, *, special: Sequence[str] = ("<|end|>",), vocabulary: int = 300
) -> Tokenizer:
    """Train a byte-level BPE tokenizer, in which a character beyond ASCII is several tokens."""
    backend = Tokenizer(BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def sentencepiece_tokenizer(texts: Sequence[str], *, special: Sequence[str] = (), vocabulary: int = 300) -> Tokenizer:
    """Train a tokenizer of Llama 2's form: a blank before each text, bytes for unknown characters, BOS in front."""
    backend = Tokenizer(BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    backend.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    backend.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokens = ["<unk>", "<s>", "</s>", *special]
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, special_tokens=tokens, show_progress=False)
    backend.train_from_iterator(texts, trainer)
    # Tokens for bytes are ordinary ones, which the trainer cannot make.
    made = json.loads(backend.to_str())
    words = made["model"]["vocab"]
    words.update({f"<0x{byte:02X}>": len(words) + byte for byte in range(256)})
    backend = Tokenizer.from_str(json.dumps(made))
    bos = ("<s>", tokens.index("<s>"))
    backend.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[bos])
    return backend


def llama_config(vocabulary: int, **changes: Any) -> LlamaConfig:
    """Return the config of a two-layer Llama."""
    sizes: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2}
    return LlamaConfig(vocab_size=vocabulary, **{**sizes, **changes})


def save_model(directory: Path, vocabulary: int, *, seed: int = 0, hidden: int = 64) -> None:
    """Write a Llama whose weights are large enough for its greedy text to differ from prompt to prompt."""
    torch.manual_seed(seed)
    config = llama_config(
        vocabulary,
        hidden_size=hidden,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        initializer_range=0.4,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        # The end token's logit is always 0: never the likeliest, so that greedy answers reach max_tokens.
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


def word_tokenizer(words: Sequence[str]) -> Tokenizer:
    """A tokenizer that knows these words and refuses every other one, as it has no token for what is unknown."""
    backend = Tokenizer(WordLevel({word: index for index, word in enumerate(words)}, unk_token="missing"))
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return backend
