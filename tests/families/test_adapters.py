"""Rows of the base and of adapters share a pass where PEFT can, with the tokens that each has alone."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import torch
from peft import LoraConfig, get_peft_model
from tests.support.model_families import SavedFamily
from tests.support.serve_options import options_for

from llmwright_runtime_hf.serve.engine.batch import Batch
from llmwright_runtime_hf.serve.engine.batch_probe import probe, probe_mixing
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.lora_adapters import BASE, LoraAdapters
from llmwright_runtime_hf.serve.engine.model_loading import load_model
from llmwright_runtime_hf.serve.engine.rows import Row
from llmwright_runtime_hf.serve.engine.sampling import Sampler
from llmwright_runtime_hf.serve.serve_options import AdapterSpec

MIXED = ("gpt2", "phi3", "qwen3_5")
TURNS = ("minimax_m2",)
"""Experts in one weight: PEFT changes the weight itself, so a pass has one adapter."""


def save_adapter(model: Path, directory: Path, seed: int) -> None:
    torch.manual_seed(seed)
    base = load_model(options_for(model, max_model_len=128)).model
    config = LoraConfig(r=2, lora_alpha=4, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    with warnings.catch_warnings():
        # PEFT warns of what it corrects by itself: how a layer lies, and names of experts.
        warnings.simplefilter("ignore")
        get_peft_model(base, config).save_pretrained(str(directory))


@pytest.mark.parametrize("family", [*MIXED, *TURNS])
def test_adapters_are_mixed_where_peft_can(family: str, saved: Callable[[str], SavedFamily], tmp_path: Path) -> None:
    directory = saved(family).directory
    for seed in (1, 2):
        save_adapter(directory, tmp_path / str(seed), seed)
    model = load_model(options_for(directory, max_model_len=128)).model
    ability, adapters = probe(model), LoraAdapters(model)
    specs = (AdapterSpec("one", tmp_path / "1"), AdapterSpec("half", tmp_path / "2", 0.5))
    keys = [BASE, *(adapters.add(adapters.read(spec)) for spec in specs)]
    assert ability.rows
    assert probe_mixing(model, adapters.select, keys) == (family in MIXED)

    def answers(some: Sequence[str]) -> list[list[int]]:
        batch = Batch(model, adapters.select, ability=ability)
        rows = [Row(key, range(5, 25), Sampler(SamplingParams(), model.device)) for key in some]
        for row in rows:
            assert batch.read(row, 99) is not None
        batch.join(rows)
        [batch.step() for _ in range(7)]
        return [row.tokens[20:] for row in rows]

    alone = [answers([key])[0] for key in keys]
    assert len({*map(tuple, alone)}) == 3
    if family in MIXED:
        assert answers(keys) == alone
