"""Loading the model: dtype, quantisation, context, and checkpoints that lack weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.channel_model import save_channel_model
from tests.support.serve_options import options_for
from tests.support.tiny_models import CONTEXT, ServedModels

from llmwright.catalogue.model_description import describe
from llmwright.errors import ConfigError, TargetError
from llmwright_runtime_hf.serve.engine.answer import warm_up
from llmwright_runtime_hf.serve.engine.decode_loop import Decoder
from llmwright_runtime_hf.serve.engine.interface import SamplingParams
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel, load_model
from llmwright_runtime_hf.serve.engine.sampling import Sampler
from llmwright_runtime_hf.serve.engine.thinking import ThinkTokens


@pytest.mark.parametrize(("dtype", "expected"), [("auto", "float32"), ("bfloat16", "bfloat16"), ("float16", "float16")])
def test_the_weights_have_the_asked_dtype(models: ServedModels, dtype: str, expected: str) -> None:
    made = load_model(options_for(models.base, dtype=dtype))

    assert {str(p.dtype) for p in made.model.parameters()} == {f"torch.{expected}"}
    assert made.dtype == expected
    assert made.context == CONTEXT
    warm_up(made, "base")


def test_a_gpu_that_is_not_there_is_named(models: ServedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(ConfigError, match="torch sees no GPU here") as missing:
        load_model(options_for(models.base, device="cuda"))
    assert "--device cpu" in missing.value.hint


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_quantised_weights_generate(models: ServedModels, kind: str) -> None:
    made = load_model(options_for(models.base, quantization=kind))

    name = "model.layers.0.mlp.up_proj"
    layer: Any = made.model.get_submodule(name)
    whole: Any = load_model(options_for(models.base, dtype="float32")).model.get_submodule(name)
    # Half a byte or one byte a weight, instead of four: the memory is what quantising is for.
    assert layer.weight.nbytes * {"nf4": 8, "int8": 4}[kind] == whole.weight.nbytes
    assert type(layer).__name__ == {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[kind]
    decoder = Decoder(made.model, [5, 6, 7], Sampler(SamplingParams(), made.model.device))
    assert len([decoder.step() for _ in range(5)]) == 5


def test_a_longer_context_than_the_models_is_refused(models: ServedModels) -> None:
    with pytest.raises(ConfigError, match=f"above the model's context of {CONTEXT}"):
        load_model(options_for(models.base, max_model_len=CONTEXT + 1))


def test_a_checkpoint_that_lacks_weights_is_refused(models: ServedModels, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    for file in models.base.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    weights = load_file(models.base / "model.safetensors")
    weights.pop("model.layers.1.mlp.up_proj.weight")
    save_file(weights, tmp_path / "model.safetensors", metadata={"format": "pt"})

    with pytest.raises(ConfigError, match=r"lacks 1 weights .* first model\.layers\.1\.mlp\.up_proj\.weight"):
        load_model(options_for(tmp_path))


def test_what_is_loaded_and_cannot_generate_is_named(models: ServedModels, monkeypatch: pytest.MonkeyPatch) -> None:
    made = load_model(options_for(models.base))
    monkeypatch.setattr(made.model, "forward", lambda **inputs: inputs["no such input"])
    with pytest.raises(TargetError, match="polite is loaded and cannot generate"):
        warm_up(made, "polite")


def test_a_tokenizer_with_channels_says_how_calls_are_written(models: ServedModels, tmp_path: Path) -> None:
    save_channel_model(tmp_path)
    made = load_model(options_for(tmp_path))

    assert (made.tool_call_parser, len(made.channel_tokens.marks)) == ("openai", 7)
    assert load_model(options_for(tmp_path, tool_call_parser="hermes")).tool_call_parser == "hermes"
    assert load_model(options_for(models.base)).tool_call_parser is None
    with pytest.raises(ConfigError, match=r"--tool-call-parser openai: .* has no special token <\|channel\|>"):
        load_model(options_for(models.base, tool_call_parser="openai"))


def test_the_format_of_reasoning_is_named_or_that_of_the_channels(models: ServedModels, tmp_path: Path) -> None:
    save_channel_model(tmp_path)

    assert load_model(options_for(tmp_path)).reasoning_parser == "openai_gptoss"
    assert load_model(options_for(models.base)).part_marks is None
    assert load_model(options_for(models.base, reasoning_parser="none")).part_marks is None
    thinking = load_model(options_for(models.base, reasoning_parser="qwen3"))
    assert isinstance(thinking.part_marks, ThinkTokens)
    assert thinking.part_marks.spelled == ("<think>", "</think>", "<tool_call>"), "its tokenizer has no such tokens"
    with pytest.raises(ConfigError, match=r"--reasoning-parser openai_gptoss: .* has no special token <\|channel\|>"):
        load_model(options_for(models.base, reasoning_parser="openai_gptoss"))
    with pytest.raises(ConfigError, match=r"--reasoning-parser none: .* writes channels"):
        load_model(options_for(tmp_path, reasoning_parser="none"))


@pytest.mark.parametrize("kind", ["nf4", "int8"])
def test_a_checkpoint_that_is_quantised_already_is_served_as_it_is(
    models: ServedModels, tmp_path: Path, kind: str
) -> None:
    """As somebody saved it who loaded it so: its own config says how, and nothing has to be asked for."""
    made = load_model(options_for(models.base, quantization=kind))
    made.model.save_pretrained(str(tmp_path))
    made.tokenizer.save_pretrained(tmp_path)

    again = load_model(options_for(tmp_path))

    layer = again.model.get_submodule("model.layers.0.mlp.up_proj")
    assert type(layer).__name__ == {"nf4": "Linear4bit", "int8": "Linear8bitLt"}[kind]
    preset = describe(tmp_path.as_uri())
    assert (preset.quantization, preset.weight_bytes < describe(models.base.as_uri()).weight_bytes) == (
        "bitsandbytes",
        True,
    )

    def answer(model: LoadedModel) -> list[int]:
        decoder = Decoder(model.model, [5, 6, 7], Sampler(SamplingParams(), model.model.device))
        return [decoder.step() for _ in range(5)]

    assert answer(again) == answer(made)
