"""Put a new LoRA adapter on the base model; its weights are the only ones that are trained."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from safetensors.torch import load_file, save_file

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import REWRITING_INITIALISATIONS, LoraSection
from llmwright_tuning_qlora.train.model.linear_layers import is_transposed, linear_layers, short_names
from llmwright_tuning_qlora.train.tuning_options import TuningOptions

WEIGHTS = "adapter_model.safetensors"


def add_adapter(model: Any, options: TuningOptions, *, checkpointing: bool) -> Any:
    """Return ``model`` with a new LoRA adapter. ``checkpointing`` computes activations again in the backward pass.

    Raises:
        ConfigError: the model has no modules of the configured names.
    """
    if options.config.quantization.bits:
        keep_weights_trainable(model)
        model = prepare_model_for_kbit_training(
            model, use_gradient_checkpointing=checkpointing, gradient_checkpointing_kwargs={"use_reentrant": False}
        )
    try:
        return get_peft_model(model, peft_config(options, model))
    except ValueError as error:
        first_line = str(error).splitlines()[0]
        message = f"no adapter fits on the model: {first_line}"
        raise ConfigError(message, hint="see LoraConfig.target_modules") from error


def peft_config(options: TuningOptions, model: Any) -> LoraConfig:
    """Return peft's config. Target modules are the training config's, else the preset's, else all linear layers."""
    values = options.config.lora.model_dump()
    modules = values["target_modules"] or list(options.target_modules) or ["all-linear"]
    modules = short_names(model, linear_layers(model)) if modules == ["all-linear"] else modules
    values["fan_in_fan_out"] = is_transposed(model, modules)
    return LoraConfig(**{**values, "target_modules": modules})


def keep_weights_trainable(model: Any) -> None:
    """Keep bitsandbytes from repacking 4-bit weights for inference.

    On a CPU with AVX512-BF16 a module that is evaluated once (bitsandbytes 0.50, ``Linear4bit.forward``) repacks its
    weights for a kernel without a backward pass, and all training after that gets wrong gradients.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def rewrites_base(section: LoraSection) -> bool:
    """Return whether the initialisation changes the base's weights: the adapter then takes a part of them over."""
    return section.init_lora_weights in REWRITING_INITIALISATIONS


def save_initial_adapter(model: Any, options: TuningOptions) -> Path:
    """Write the untrained adapter into a new directory below the output, and return it.

    peft makes a module of the directory's name, so that it has no dot.
    """
    options.output.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".adapter-", dir=options.output)) / "initial"
    model.save_pretrained(str(directory), save_embedding_layers=False)
    return directory


def save_for_plain_base(model: Any, directory: Path, initial_adapter: Path) -> None:
    """Write the adapter as one of twice the rank that works on the base's own weights.

    The base of training is W - s B0 A0, with the initial adapter; so the difference to W is s (B A - B0 A0), which is
    the product of [B, -B0] and [A; A0] (peft's guide to LoRA, 'PiSSA'). peft's own conversion asks a hub for the base.
    """
    model.save_pretrained(str(directory), save_embedding_layers=False)
    trained, initial = (load_file(path / WEIGHTS) for path in (directory, initial_adapter))
    combined = {
        name: torch.cat((tensor, initial[name]), 0)
        if "lora_A" in name
        else torch.cat((tensor, -initial[name]), 1)
        if "lora_B" in name and tensor.ndim > 1
        else tensor
        for name, tensor in trained.items()
    }
    save_file(combined, directory / WEIGHTS, metadata={"format": "pt"})
    config = LoraConfig.from_pretrained(str(directory))
    config.r *= 2
    # The scale is alpha / r, or alpha / sqrt(r), and stays what it was.
    config.lora_alpha *= 2**0.5 if config.use_rslora else 2
    config.init_lora_weights = True
    config.save_pretrained(str(directory))
