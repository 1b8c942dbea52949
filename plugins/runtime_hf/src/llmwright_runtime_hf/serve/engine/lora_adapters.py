"""LoRA adapters beside one base model: switched between requests, mixed in one pass, never merged.

Merging would change the base's weights, and its answers would no longer be the base's. This module is imported only
where adapters are served, because PEFT is slow to import.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from weakref import WeakSet

import torch
from peft import LoraConfig, PeftConfig, PeftModel, PeftModelForCausalLM, set_peft_model_state_dict
from peft.tuners.lora import Linear, LoraLayer
from peft.tuners.tuners_utils import BaseTuner, BaseTunerLayer
from peft.utils import AuxiliaryTrainingWrapper
from safetensors.torch import load_file
from transformers import PreTrainedModel

from llmwright.catalogue.adapter_directory import read_adapter
from llmwright.catalogue.adapter_fit import misfits
from llmwright.catalogue.weight_files import ADAPTER_WEIGHTS
from llmwright.errors import ConfigError
from llmwright.values.lora_adapter import MAX_LORA_RANK
from llmwright_runtime_hf.serve.engine.layer_sizes import layer_sizes
from llmwright_runtime_hf.serve.engine.stacked_lora import BASE_ROW, Mix, StackedLora
from llmwright_runtime_hf.serve.serve_options import AdapterSpec

BASE = ""
"""The key of the base."""
_QUIET: dict[str, Any] = {"autocast_adapter_dtype": False, "low_cpu_mem_usage": True}


@dataclass(frozen=True, slots=True)
class ReadAdapter:
    """An adapter whose files are read and judged: what remains is to put it into the layers."""

    spec: AdapterSpec
    config: LoraConfig
    weights: dict[str, torch.Tensor]


class LoraAdapters:
    """Adapters in the layers of ``model``, each by a key. ``read`` may run in any thread, the others in the model's."""

    def __init__(self, model: PreTrainedModel, max_rank: int = MAX_LORA_RANK) -> None:
        self._model = model
        self._max_rank = max_rank
        self._sizes = layer_sizes(model)
        # Experts in one weight are no layers, and PEFT finds them by names that older checkpoints have.
        self._complete = all(weight.dim() < 3 for weight in model.parameters())
        self._peft: PeftModel | None = None
        self._hooked: WeakSet[torch.nn.Module] = WeakSet()
        self._count = 0
        self._selected = BASE
        self._mix = Mix()

    def read(self, spec: AdapterSpec) -> ReadAdapter:
        """Read and judge the files of an adapter. Raises ConfigError if it cannot be served."""
        what = f"adapter {spec.name} ({spec.path})"
        adapter = read_adapter(spec.path, what)
        fit = misfits(adapter, max_rank=self._max_rank, sizes=self._sizes, complete=self._complete)
        unfit = next(fit, None)
        if unfit is not None:
            hint = "--max-lora-rank (runtimeConfig.maxLoraRank) raises it" if unfit.kind == "rank" else ""
            raise _unusable(spec, unfit.message, hint)
        try:
            config = PeftConfig.from_pretrained(str(spec.path))
            weights = load_file(spec.path / ADAPTER_WEIGHTS, device=str(self._model.device))
        except MemoryError:
            raise
        except Exception as error:
            # PEFT and safetensors raise errors of any type over a damaged file.
            raise _unusable(spec, _first_line(error)) from error
        wrong = next((name for name, tensor in weights.items() if not bool(torch.isfinite(tensor).all())), None)
        if wrong is not None:
            raise _unusable(spec, f"{wrong} has weights that are no numbers")
        assert isinstance(config, LoraConfig)
        config.inference_mode = True
        return ReadAdapter(spec, config, weights)

    def add(self, adapter: ReadAdapter) -> str:
        """Put it into the layers, and return its key. Raises ConfigError, and then nothing has changed."""
        # A key of its own for each: another adapter of the same name may still be in use.
        key = f"adapter{self._count}"
        self._count += 1
        try:
            with warnings.catch_warnings():
                # PEFT warns that a second tuner is attached; that is the purpose here.
                warnings.simplefilter("ignore")
                self._inject(key, adapter)
        except BaseException as error:
            self.remove(key)
            if isinstance(error, ConfigError | MemoryError) or not isinstance(error, Exception):
                raise
            # A config may hold a value of another type than PEFT expects, which fails wherever it is used.
            raise _unusable(adapter.spec, _first_line(error)) from error
        self._scale(key, adapter.spec.strength)
        self._rest()
        return key

    def remove(self, key: str) -> None:
        """Take an adapter out of the layers."""
        with warnings.catch_warnings():
            # PEFT warns that the active adapter is gone: another is chosen before each pass.
            warnings.simplefilter("ignore")
            if self._peft is not None and key in self._peft.peft_config:
                self._peft.delete_adapter(key)
            else:
                self._drop_parts(key)
        for module in self._hooked:
            if isinstance(module, Linear) and isinstance(module._mixed_batch_forward, StackedLora):
                module._mixed_batch_forward.forget()
        self._rest()

    def select(self, keys: Sequence[str]) -> None:
        """Apply to each row of the next pass the adapter of its key."""
        different = set(keys)
        rows = [] if len(different) == 1 else [BASE_ROW if key == BASE else key for key in keys]
        if rows != self._mix.rows:
            self._mix = Mix(rows)
        # With PEFT's layers switched off, names of rows are not looked at: any adapter switches them on.
        self._switch(next((key for key in keys if key != BASE), BASE))

    def _switch(self, key: str) -> None:
        if key == self._selected or self._peft is None:
            return
        if key == BASE:
            self._tuner.disable_adapter_layers()
        else:
            self._tuner.enable_adapter_layers()
            self._tuner.set_adapter(key, inference_mode=True)
        self._selected = key

    def _rest(self) -> None:
        """Select the base: PEFT switches layers on that it has just made, and chooses others for one that is gone."""
        self._mix, self._selected = Mix(), BASE
        if self._peft is not None:
            self._tuner.disable_adapter_layers()

    @property
    def _tuner(self) -> BaseTuner:
        assert self._peft is not None
        return cast(BaseTuner, self._peft.base_model)

    def _inject(self, key: str, adapter: ReadAdapter) -> None:
        if self._peft is None:
            self._peft = PeftModelForCausalLM(self._model, adapter.config, key, **_QUIET)
        else:
            self._peft.add_adapter(key, adapter.config, **_QUIET)
        loaded: Any = set_peft_model_state_dict(self._peft, adapter.weights, adapter_name=key, low_cpu_mem_usage=True)
        missing = [name for name in loaded.missing_keys if "lora_" in name and f".{key}." in f"{name}."]
        unmatched = [*missing, *loaded.unexpected_keys]
        if unmatched:
            message = f"{len(unmatched)} of its weights do not match the base, first {unmatched[0]}"
            raise _unusable(adapter.spec, message)
        for module in self._tuner.modules():
            if isinstance(module, LoraLayer | AuxiliaryTrainingWrapper) and module not in self._hooked:
                self._hook(module)

    def _hook(self, layer: Any) -> None:
        self._hooked.add(layer)
        layer.register_forward_pre_hook(self._name_adapters, with_kwargs=True)
        # Layers of quantised weights are of other types, and keep PEFT's own pass.
        if type(layer) is Linear:
            vars(layer)["_mixed_batch_forward"] = StackedLora(layer, lambda: self._mix)

    def _drop_parts(self, key: str) -> None:
        """Take out what PEFT has put in before it failed."""
        for name, module in [*self._model.named_modules()]:
            if isinstance(module, BaseTunerLayer) and self._peft is None:
                parent, _, child = name.rpartition(".")
                setattr(self._model.get_submodule(parent), child, module.get_base_layer())
            elif isinstance(module, BaseTunerLayer):
                module.delete_adapter(key)

    def _scale(self, key: str, strength: float) -> None:
        for module in self._model.modules():
            if isinstance(module, LoraLayer) and key in module.scaling and strength != 1.0:
                module.scaling[key] *= strength

    def _name_adapters(
        self, _module: torch.nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
        return (args, {**kwargs, "adapter_names": self._mix.rows}) if self._mix.rows else None


def _first_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if "size mismatch" in str(error):
        return next(line for line in lines if "size mismatch" in line)
    known = isinstance(error, OSError | ValueError | RuntimeError) and lines
    return lines[0] if known else " ".join((type(error).__name__, *lines[:1]))


def _unusable(spec: AdapterSpec, reason: str, hint: str = "") -> ConfigError:
    return ConfigError(
        f"adapter {spec.name} ({spec.path}) cannot be served: {reason}",
        hint=hint or "it must be a LoRA adapter made with this base model",
        reason="AdapterUnusable",
    )
