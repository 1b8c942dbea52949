"""LoRA adapters beside one base model: loaded once, switched between requests, never merged.

Merging would change the base's weights, and its answers would no longer be the base's. This module is imported only
when there is an adapter, because PEFT is slow to import.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, cast

import torch
from peft import LoraConfig, PeftConfig, PeftModel, PeftModelForCausalLM
from peft.tuners.lora import LoraLayer
from peft.tuners.tuners_utils import BaseTuner
from transformers import PreTrainedModel

from llmwright.errors import ConfigError
from llmwright.reading.json_reader import read_json_file
from llmwright_runtime_hf.serve.serve_options import AdapterSpec

_BASE = "__base__"
"""PEFT's name for a row without an adapter."""


class AdapterSwitch:
    """Select what the layers apply. The base is computed by its own layers alone where no row has an adapter."""

    def __init__(self, peft_model: PeftModel | None, slots: dict[str, str]) -> None:
        self._tuner: BaseTuner | None = None if peft_model is None else cast(BaseTuner, peft_model.base_model)
        self._slots = slots
        self._selected: str | None = None
        self._mixed: list[str] = []
        if self._tuner is not None:
            self._tuner.disable_adapter_layers()
            for module in self._tuner.modules():
                if isinstance(module, LoraLayer):
                    module.register_forward_pre_hook(self._name_adapters, with_kwargs=True)

    def select(self, names: Sequence[str | None]) -> None:
        """Apply to each row of the next pass the adapter that is served by that name; None is the base."""
        different = set(names)
        self._mixed = [] if len(different) == 1 else [_BASE if name is None else self._slots[name] for name in names]
        # With PEFT's layers switched off, names of rows are not looked at: any adapter switches them on.
        self._switch(next((name for name in names if name is not None), None))

    def _switch(self, name: str | None) -> None:
        if self._tuner is None or name == self._selected:
            return
        if name is None:
            self._tuner.disable_adapter_layers()
        else:
            self._tuner.enable_adapter_layers()
            self._tuner.set_adapter(self._slots[name], inference_mode=True)
        self._selected = name

    def _name_adapters(
        self, _module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        return (args, {**kwargs, "adapter_names": self._mixed}) if self._mixed else None


def attach_adapters(model: PreTrainedModel, specs: Sequence[AdapterSpec]) -> AdapterSwitch:
    """Add every adapter to ``model``, which changes in place. Raises ConfigError if an adapter does not fit."""
    peft_model: PeftModel | None = None
    slots: dict[str, str] = {}
    for number, spec in enumerate(specs):
        # PEFT's own name becomes a module's name, in which a dot is not allowed.
        slots[spec.name] = slot = f"adapter{number}"
        config = _read_config(spec)
        peft_model = _attach(model, peft_model, spec, config, slot)
        _scale(model, slot, spec.strength)
    return AdapterSwitch(peft_model, slots)


def _read_config(spec: AdapterSpec) -> LoraConfig:
    file = spec.path / "adapter_config.json"
    try:
        read_json_file(file)
        config = PeftConfig.from_pretrained(str(spec.path))
    except OSError as error:
        raise _unusable(spec, f"{file} cannot be read ({error.strerror})") from error
    except Exception as error:
        # PEFT raises errors of any type over a damaged file.
        raise _unusable(spec, f"{file} is not a PEFT config") from error
    if not isinstance(config, LoraConfig) or config.alora_invocation_tokens:
        raise _unusable(spec, f"its type {config.peft_type} cannot be switched per request; LoRA can")
    config.inference_mode = True
    return config


def _attach(
    model: PreTrainedModel, peft_model: PeftModel | None, spec: AdapterSpec, config: LoraConfig, slot: str
) -> PeftModel:
    options: dict[str, Any] = {"autocast_adapter_dtype": False, "low_cpu_mem_usage": True}
    try:
        with warnings.catch_warnings():
            # PEFT warns that a second tuner is attached; that is the purpose here.
            warnings.simplefilter("ignore")
            if peft_model is None:
                peft_model = PeftModelForCausalLM(model, config, slot, **options)
            loaded = peft_model.load_adapter(str(spec.path), slot, torch_device=str(model.device), **options)
    except MemoryError:
        raise
    except Exception as error:
        # A config may hold a value of another type than PEFT expects, which fails wherever it is used.
        raise _unusable(spec, _first_line(error)) from error
    unmatched = [*loaded.missing_keys, *loaded.unexpected_keys]
    if unmatched:
        raise _unusable(spec, f"{len(unmatched)} of its weights do not match the base, first {unmatched[0]}")
    return peft_model


def _scale(model: PreTrainedModel, slot: str, strength: float) -> None:
    if strength == 1.0:
        return
    for module in model.modules():
        if isinstance(module, LoraLayer) and slot in module.scaling:
            module.scaling[slot] *= strength


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if "size mismatch" in str(error):
        return next(line for line in lines if "size mismatch" in line)
    known = isinstance(error, OSError | ValueError | RuntimeError) and lines
    return lines[0] if known else " ".join((type(error).__name__, *lines[:1]))


def _unusable(spec: AdapterSpec, reason: str) -> ConfigError:
    return ConfigError(
        f"adapter {spec.name} ({spec.path}) cannot be served: {reason}",
        hint="it must be a LoRA adapter made with this base model",
    )
