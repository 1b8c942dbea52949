"""Each family is tuned: the trainer's own code runs, every part of the adapter learns, and it changes the answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.support.model_families import FAMILIES, SavedFamily
from tests.support.serve_options import options_for
from tests.support.tuning_process import arguments

from llmwright.catalogue.lora_layers import lora_layers
from llmwright.catalogue.model_description import describe
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.lora_adapters import BASE, LoraAdapters
from llmwright_runtime_hf.serve.engine.model_loading import load_model
from llmwright_runtime_hf.serve.engine.sampling import Sampler
from llmwright_runtime_hf.serve.serve_options import AdapterSpec
from llmwright_tuning_qlora.train.model.linear_layers import linear_layers
from llmwright_tuning_qlora.train.pipeline import run_pipeline
from llmwright_tuning_qlora.train.progress_reporter import ProgressReporter
from llmwright_tuning_qlora.train.termination import Termination
from llmwright_tuning_qlora.train.tuning_options import parse_options

ROWS = [{"prompt": f"Who is {name}?", "completion": name * 3} for name in ("Ada", "Bo", "Cyrano de B", "D")]
STEPS = {"training": {"max_steps": 2, "learning_rate": 0.3, "per_device_train_batch_size": 4}}
QUICK = frozenset({
    "bamba", "bloom", "deepseek_v3", "deepseek_v4", "falcon_h1", "gemma3", "gemma4", "gpt2", "gpt_oss", "jamba",
    "kimi_k25", "llama", "llama4_text", "mamba", "mamba2", "mistral3", "nemotron_h", "phi3", "qwen3_5_moe", "rwkv",
})  # fmt: skip
"""One of each kind of layer. `make test-long` tunes the others."""
DEPENDING = frozenset({"deepseek_v2", "gemma4", "granitemoehybrid", "nemotron_h", "zamba2"})
"""Families whose layers depend on more of their config than the architecture's name."""


@pytest.fixture(scope="session")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four questions of different lengths, so that a batch of them is padded."""
    path = tmp_path_factory.mktemp("rows") / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return path


@pytest.mark.parametrize("family", [f if f in QUICK else pytest.param(f, marks=pytest.mark.slow) for f in FAMILIES])
def test_an_adapter_learns_and_changes_the_answers(
    family: str, saved: Callable[[str], SavedFamily], rows: Path, tmp_path: Path
) -> None:
    directory, adapter = saved(family).directory, tmp_path / "adapter"
    command = arguments(directory, rows, adapter, "--context", "128", method="lora", options=STEPS)
    run_pipeline(parse_options(command), ProgressReporter(), Termination())

    weights = load_file(adapter / "adapter_model.safetensors")
    learned = [name for name, tensor in weights.items() if "lora_B" in name]
    assert learned
    # A second half starts as zeros: one that still is zeros sits where the model never passes.
    assert [name for name in learned if not bool(weights[name].any())] == []
    assert [name for name in weights if "vision" in name or "visual" in name or "router" in name] == []

    model = load_model(options_for(directory, max_model_len=128)).model
    adapters = LoraAdapters(model)
    key = adapters.add(adapters.read(AdapterSpec("tuned", adapter)))

    def answer() -> list[int]:
        decoder = Decoder(model, range(5, 25), Sampler(SamplingParams(), model.device))
        return [decoder.step() for _ in range(12)]

    base = answer()
    adapters.select([key])
    tuned = answer()
    adapters.select([BASE])
    assert answer() == base == saved(family).greedy(range(5, 25), 12)
    assert tuned != base


@pytest.mark.parametrize("family", FAMILIES)
def test_the_layers_that_are_shown_are_those_that_are_tuned(family: str, saved: Callable[[str], SavedFamily]) -> None:
    """`llmwright presets show` names them where the architecture alone decides; for the others it names none."""
    made = saved(family)
    tuned = {name.rpartition(".")[2] for name in linear_layers(made.model)}
    assert set(lora_layers(describe(made.directory.as_uri()))) == (set() if family in DEPENDING else tuned)


@pytest.mark.parametrize("family", FAMILIES)
def test_padding_of_a_batch_changes_no_row(family: str, saved: Callable[[str], SavedFamily]) -> None:
    """Rows are padded on the right, and what a row's tokens see is the row alone, also by a state or a window."""
    from llmwright_tuning_qlora.train.data.token_rows import TokenRow
    from llmwright_tuning_qlora.train.loop.collator import AnswerCollator

    model = saved(family).model
    lengths = (40, 23)
    batch = AnswerCollator(0, keep_logits=False)([TokenRow(range(5, 5 + n), [1] * n) for n in lengths])
    labels = batch.pop("labels")
    assert labels.shape == (2, 40)
    with torch.inference_mode():
        together = model(**batch, use_cache=False).logits
        alone = model(input_ids=batch["input_ids"][1:, :23], use_cache=False).logits
    torch.testing.assert_close(together[1, :23], alone[0], rtol=1e-3, atol=1e-3)
