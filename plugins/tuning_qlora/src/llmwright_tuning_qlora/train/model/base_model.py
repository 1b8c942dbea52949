"""Load the base model, quantised if the config asks for it."""

from __future__ import annotations

import importlib.util
import inspect
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import AutoConfig, BitsAndBytesConfig

from llmwright.catalogue.model_types import auto_class
from llmwright.catalogue.weight_files import model_weights
from llmwright.errors import ConfigError
from llmwright.plugins.installing import pip_install
from llmwright.plugins.remote_code import code_needed
from llmwright_tuning_qlora.config_sections import QuantizationSection
from llmwright_tuning_qlora.train.model.device import Device, compute_dtype
from llmwright_tuning_qlora.train.tuning_options import NEEDED, TuningOptions


def load_base_model(options: TuningOptions, device: Device) -> Any:
    """Return the base model on ``device``.

    Raises:
        ConfigError: it cannot be loaded, or bitsandbytes is missing.
    """
    section, quantization = options.config.model, options.config.quantization
    dtype = getattr(torch, compute_dtype(device, section.torch_dtype))
    arguments: dict[str, Any] = {"dtype": dtype, "device_map": {"": device.name}}
    if quantization.bits:
        arguments["quantization_config"] = bitsandbytes_config(quantization, device)
    directory = Path(options.loaded_from)
    if directory.is_dir():
        model_weights(directory, f"the model {options.model}")
    source: dict[str, Any] = {
        "revision": options.loaded_revision or "main",
        "trust_remote_code": section.trust_remote_code,
        "local_files_only": section.local_files_only,
        "cache_dir": section.cache_dir,
    }
    try:
        config = AutoConfig.from_pretrained(options.loaded_from, **source)
        model = getattr(transformers, auto_class(config.model_type)).from_pretrained(
            options.loaded_from,
            **source,
            use_safetensors=True,
            **arguments,
        )
    except (OSError, ValueError, KeyError) as error:
        if "trust_remote_code" in str(error):
            raise code_needed(options.model) from error
        first_line = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise ConfigError(f"cannot load the model {options.model}: {first_line}", reason="ModelBroken") from error
    # Training never reads the key/value cache, and it would need memory for each token.
    model.config.use_cache = False
    return model


def bitsandbytes_config(section: QuantizationSection, device: Device) -> BitsAndBytesConfig:
    """Return ``section`` in transformers' form, with computations in a number format that ``device`` is fast at.

    Raises:
        ConfigError: bitsandbytes is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise ConfigError(
            "quantisation needs bitsandbytes, which is not installed", hint=pip_install(NEEDED), reason="NotInstalled"
        )
    values = section.model_dump(exclude={"quant_method", "bnb_4bit_compute_dtype"})
    dtype = getattr(torch, compute_dtype(device, section.bnb_4bit_compute_dtype))
    return BitsAndBytesConfig(bnb_4bit_compute_dtype=dtype, **values)


def can_skip_logits(model: Any) -> bool:
    """Return whether the model can compute logits for chosen positions only."""
    return "logits_to_keep" in inspect.signature(model.forward).parameters
