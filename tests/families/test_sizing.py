"""Each family is planned from its directory's own files, and its memory terms are those of the real model."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from tests.support.cache_measuring import cache_of
from tests.support.model_families import CONTEXT, FAMILIES, SavedFamily
from transformers.cache_utils import get_layer_types_and_kwargs
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

import llmwright
from llmwright.catalogue.layer_kinds import layer_kinds
from llmwright.catalogue.model_description import describe
from llmwright.sizing.terms import cache_bytes
from llmwright.values.preset import Preset

UNBOUNDED = frozenset({"bloom", "falcon_mamba", "mamba", "mamba2", "recurrent_gemma"})
"""Families without a limit of their context, for which 2,048 tokens are assumed."""


def preset_of(made: SavedFamily) -> Preset:
    return describe(made.directory.as_uri())


@pytest.mark.parametrize("family", FAMILIES)
def test_the_plan_is_made_from_the_directory_alone(family: str, saved: Callable[[str], SavedFamily]) -> None:
    made = saved(family)
    plan = llmwright.plan(str(made.directory))
    assert plan.serving is not None
    assert dict(plan.fits)["serving"].context == (2048 if family in UNBOUNDED else CONTEXT)
    preset = preset_of(made)
    assert preset.tunable
    assert preset.runtimes
    assert preset.dtype == "float32"


@pytest.mark.parametrize("family", FAMILIES)
def test_the_weights_are_those_of_the_files(family: str, saved: Callable[[str], SavedFamily]) -> None:
    directory = saved(family).directory
    tensors = []
    for path in directory.glob("*.safetensors"):
        with safe_open(path, "pt") as file:
            tensors += [file.get_tensor(name) for name in file.keys()]  # noqa: SIM118 - it is no mapping
    preset = preset_of(saved(family))
    assert preset.weight_bytes == sum(tensor.nbytes for tensor in tensors)
    assert preset.parameters == sum(tensor.numel() for tensor in tensors)


# RecurrentGemma keeps its state in its modules, and returns no cache to measure.
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "recurrent_gemma"])
def test_the_cache_is_as_large_as_the_real_one(family: str, saved: Callable[[str], SavedFamily]) -> None:
    """At 8 and 32 tokens, and at 104: far beyond each window, and a multiple of what is compressed to one token."""
    made = saved(family)
    preset = preset_of(made)
    for tokens in (8, 32, 104):
        with torch.inference_mode():
            real = cache_of(made.model(input_ids=torch.arange(tokens)[None] + 5, use_cache=True))
        planned = cache_bytes(preset, "float32", tokens)
        # A window keeps one token less than it sees, and counts its tokens in a number for each layer.
        windowed = 2 * preset.kv_windowed_bytes_per_token
        assert planned - windowed <= real <= planned + 8 * made.model.config.get_text_config().num_hidden_layers, tokens


SHORTENED: Mapping[str, Mapping[str, Any]] = {
    "bamba": {"attn_layer_indices": [1, 5, 9]},
    "cohere2": {"sliding_window": 4096},
    "exaone4": {"sliding_window": 4096, "sliding_window_pattern": 4},
    "gemma2": {},
    "gemma3_text": {},
    "gemma4_text": {},
    "jamba": {"attn_layer_period": 4, "attn_layer_offset": 1},
    "mistral": {},
    "mixtral": {"sliding_window": 4096},
    "phi3": {"sliding_window": 2047},
    "qwen2": {"sliding_window": 4096, "use_sliding_window": True, "max_window_layers": 3},
    "qwen2_moe": {"sliding_window": 4096, "use_sliding_window": False},
    "qwen3_next": {"full_attention_interval": 4},
    "qwen3_5_text": {},
    "starcoder2": {},
}
"""What older configs say of their layers: transformers completes it."""


@pytest.mark.parametrize("model_type", SHORTENED)
def test_a_config_without_a_list_of_layers_is_completed_as_transformers_does(model_type: str) -> None:
    layers = 12
    written = {"num_hidden_layers": layers, **SHORTENED[model_type]}
    config = CONFIG_MAPPING[model_type](**written)
    real, _ = get_layer_types_and_kwargs(config)
    default = {"sliding_window": getattr(config, "sliding_window", None)}
    own = {key: value for key, value in config.to_dict().items() if key in OLDER_KEYS and value is not None}
    assert list(layer_kinds({"model_type": model_type, **default, **own, **written}, layers)) == real


OLDER_KEYS = frozenset({"linear_num_value_heads", "use_sliding_window"})


def test_nemotron_h_writes_its_layers_as_letters() -> None:
    kinds = layer_kinds({"model_type": "nemotron_h", "hybrid_override_pattern": "M-M*E"}, 5)
    assert kinds == ("linear_attention", "mlp", "linear_attention", "full_attention", "moe")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"model_type": "t5", "architectures": ["T5ForConditionalGeneration"], "is_encoder_decoder": True},
         "T5ForConditionalGeneration is an encoder and a decoder, and no causal language model"),
        ({"model_type": "bart", "architectures": ["BartForConditionalGeneration"], "is_encoder_decoder": True},
         "is an encoder and a decoder"),
        ({"model_type": "bert", "architectures": ["BertForMaskedLM"]}, "BertForMaskedLM (bert) is no causal language"),
        ({"model_type": "llama", "architectures": ["LlamaForTokenClassification"]}, "is no causal language model"),
        ({"model_type": "xlnet", "architectures": ["XLNetLMHeadModel"]}, "XLNetLMHeadModel (xlnet) is no causal"),
        ({"model_type": "clip", "architectures": ["CLIPVisionModel"]}, "CLIPVisionModel (clip) is no causal language"),
    ],
)  # fmt: skip
def test_a_model_that_continues_no_text_is_refused_by_name(
    changes: Mapping[str, Any], words: str, saved: Callable[[str], SavedFamily], tmp_path: Path
) -> None:
    source = saved("llama").directory
    for path in source.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    config = json.loads((source / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **changes}))
    problems = [problem for problem in llmwright.check(str(tmp_path)) if problem.severity == "error"]
    assert len(problems) == 1
    assert words in problems[0].message
    assert "ForCausalLM" in problems[0].hint
    with pytest.raises(llmwright.LLMwrightError, match="causal language"):
        llmwright.plan(str(tmp_path))


def test_a_long_context_fits_where_windows_bound_the_cache(saved: Callable[[str], SavedFamily]) -> None:
    preset = preset_of(saved("starcoder2"))
    assert cache_bytes(preset, "float32", 10**6) == cache_bytes(preset, "float32", preset.kv_window)
    assert math.isclose(cache_bytes(preset, "float32", 8), 8 * 2 * preset.kv_bytes_per_token)
