"""Put a new LoRA adapter on the base model; its weights are the only ones that are trained."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import REWRITING_INITIALISATIONS, LoraSection
from llmwright_tuning_qlora.train.tuning_options import TuningOptions


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
        return get_peft_model(model, peft_config(options))
    except ValueError as error:
        first_line = str(error).splitlines()[0]
        message = f"no adapter fits on the model: {first_line}"
        raise ConfigError(message, hint="see LoraConfig.target_modules") from error


def peft_config(options: TuningOptions) -> LoraConfig:
    """Return peft's config. Target modules are the training config's, else the preset's, else all linear layers."""
    values = options.config.lora.model_dump()
    modules = values["target_modules"] or list(options.target_modules) or ["all-linear"]
    values["target_modules"] = modules[0] if modules == ["all-linear"] else modules
    return LoraConfig(**values)


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
    """Write the untrained adapter into a new directory below the output, and return it."""
    options.output.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix=".adapter-", dir=options.output))
    model.save_pretrained(str(directory), save_embedding_layers=False)
    return directory


def save_for_plain_base(model: Any, directory: Path, initial_adapter: Path) -> None:
    """Write the adapter as one of twice the rank that works on the base's own weights.

    The base of training is W - s B0 A0, with the initial adapter; so the difference to W is s (B A - B0 A0), which is
    one product of matrices of rank 2 r (peft's guide to LoRA, 'PiSSA').
    """
    model.save_pretrained(
        str(directory), save_embedding_layers=False, path_initial_model_for_weight_conversion=str(initial_adapter)
    )
