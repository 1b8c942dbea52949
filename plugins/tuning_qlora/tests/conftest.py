"""A tiny random Llama with its own tokenizer, data sets, and the tuning process called in place."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.support.tuning_process import arguments

CHATML = (
    "{% for message in messages %}{% if message['role'] == 'tool' %}{{ raise_exception('no tools here') }}{% endif %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
NAMES = {
    "Ost": "Ada",
    "Brest": "Bo",
    "Cork": "Cy",
    "Delft": "Di",
    "Eden": "Ed",
    "Faro": "Flo",
    "Genoa": "Gus",
    "Hull": "Hal",
}
FACTS = [{"prompt": f"{town} {town} {town}?", "completion": name} for town, name in NAMES.items()]


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a random Llama of 0.1 million parameters, a context of 96 tokens and the ChatML template."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    directory = tmp_path_factory.mktemp("private") / "tiny-llama"
    raw = Tokenizer(models.BPE())
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"]
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=320, special_tokens=special, initial_alphabet=alphabet, show_progress=False
    )
    raw.train_from_iterator([fact["prompt"] + fact["completion"] for fact in FACTS], trainer)
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=raw, eos_token="<|endoftext|>", chat_template=CHATML
    )
    tokenizer.save_pretrained(directory)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=96,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(directory)
    return directory


@pytest.fixture(scope="session")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight questions and answers as JSON lines."""
    path = tmp_path_factory.mktemp("data") / "facts.jsonl"
    path.write_text("".join(json.dumps(fact) + "\n" for fact in FACTS))
    return path


@pytest.fixture(scope="session")
def tokenizer(tiny_model: Path) -> Any:
    """The tokenizer of ``tiny_model``."""
    from llmwright_tuning_qlora.config_sections import ModelSection
    from llmwright_tuning_qlora.train.model.metadata import tokenizer_of

    return tokenizer_of(str(tiny_model), None, ModelSection())


@pytest.fixture
def keep_sigterm() -> Iterator[None]:
    """Put back the handler of SIGTERM, which the process replaces."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.fixture
def tune(tiny_model: Path, keep_sigterm: None) -> Callable[..., int]:
    """Run the tuning process in place; returns its exit code."""
    from llmwright_tuning_qlora.train.tuning_process import main

    def call(data: Path, output: Path, *more: str, method: str = "qlora", options: dict[str, Any] | None = None) -> int:
        return main(arguments(tiny_model, data, output, *more, method=method, options=options))

    return call
