"""Loading the base model, quantised where asked, and putting the adapter on it."""

from __future__ import annotations

import importlib.util
import inspect
from typing import Any

import torch
from peft import LoraConfig, get_peft_model, prepare_model_for_kbit_training
from transformers import AutoModelForCausalLM, BitsAndBytesConfig

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import QuantizationSection
from llmwright_tuning_qlora.train.model.activation_memory import Shape, activation_bytes, recompute
from llmwright_tuning_qlora.train.model.device import Device, compute_dtype
from llmwright_tuning_qlora.train.tuning_options import PIP_LINE, Options


def load_base(options: Options, device: Device) -> Any:
    """The base model on ``device``, its weights frozen by what comes after.

    Raises:
        ConfigError: it cannot be loaded, or bitsandbytes is missing.
    """
    section, quantization = options.config.model, options.config.quantization
    dtype = getattr(torch, compute_dtype(device, section.torch_dtype))
    arguments: dict[str, Any] = {"dtype": dtype, "device_map": {"": device.name}}
    if quantization.bits:
        arguments["quantization_config"] = quantizer(quantization, device)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            options.model,
            revision=options.revision or "main",
            trust_remote_code=section.trust_remote_code,
            local_files_only=section.local_files_only,
            cache_dir=section.cache_dir,
            **arguments,
        )
    except (OSError, ValueError, KeyError) as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"cannot load the model {options.model}: {first}", reason="ModelBroken") from error
    model.config.use_cache = False
    return model


def quantizer(section: QuantizationSection, device: Device) -> BitsAndBytesConfig:
    """``section`` as transformers wants it, computing in a number format that ``device`` is fast at.

    Raises:
        ConfigError: bitsandbytes is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError(
            "quantisation needs bitsandbytes, which is not installed", hint=PIP_LINE, reason="NotInstalled"
        )
    values = section.model_dump(exclude={"quant_method", "bnb_4bit_compute_dtype"})
    dtype = getattr(torch, compute_dtype(device, section.bnb_4bit_compute_dtype))
    return BitsAndBytesConfig(bnb_4bit_compute_dtype=dtype, **values)  # type: ignore[no-untyped-call]


def keep_weights_trainable(model: Any) -> None:
    """Keep bitsandbytes from repacking 4-bit weights for inference.

    On a CPU with AVX512-BF16 a module that is evaluated once (bitsandbytes 0.50, ``Linear4bit.forward``) repacks its
    weights for a kernel without a backward pass, and all training after that gets wrong gradients.
    """
    for module in model.modules():
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False


def keeps_logits(model: Any) -> bool:
    """Whether the model computes logits for chosen positions only."""
    return "logits_to_keep" in inspect.signature(model.forward).parameters


def wants_recompute(options: Options, model: Any, device: Device, longest: int) -> bool:
    """Whether activations are computed again: as the config says, else where memory needs it."""
    said = options.config.training.gradient_checkpointing
    if said is not None:
        return said
    rows = options.config.training.per_device_train_batch_size
    width = 2 if compute_dtype(device, "auto") != "float32" else 4
    return recompute(activation_bytes(Shape.of(model.config), rows, longest, width), device.free)


def add_adapter(model: Any, options: Options, *, checkpointing: bool) -> Any:
    """``model`` with a fresh LoRA adapter, the only weights that are trained.

    Raises:
        ConfigError: the modules named are not the model's.
    """
    if options.config.quantization.bits:
        keep_weights_trainable(model)
        model = prepare_model_for_kbit_training(  # type: ignore[no-untyped-call]
            model, use_gradient_checkpointing=checkpointing, gradient_checkpointing_kwargs={"use_reentrant": False}
        )
    try:
        return get_peft_model(model, lora_config(options))
    except ValueError as error:
        first = str(error).splitlines()[0]
        raise ConfigError(f"no adapter fits on the model: {first}", hint="see LoraConfig.target_modules") from error


def lora_config(options: Options) -> LoraConfig:
    """peft's config: modules as the training config names them, else the preset's, else all linear layers."""
    values = options.config.lora.model_dump()
    named = values["target_modules"] or list(options.target_modules) or ["all-linear"]
    values["target_modules"] = named[0] if named == ["all-linear"] else named
    return LoraConfig(**values)
