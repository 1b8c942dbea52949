"""The linear layers of a model that an adapter can change: what ``all-linear`` and a preset without targets mean.

peft's own ``all-linear`` takes every linear module. Some of them cannot carry an adapter, or not with any effect.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

CHOOSERS = frozenset({"gate", "router", "shared_expert_gate", "indexer"})
"""Names of the parts that choose experts or tokens. No gradient comes through a choice, or it is several tensors."""
EXPERTS = "experts"
OF_EXPERTS = frozenset({"gate_proj", "up_proj", "down_proj", "w1", "w2", "w3"})
"""Names that peft takes for all experts at once (``_convert_peft_config_moe``): two adapters could not share a base."""
MIXER_INPUT = "in_proj"


def linear_layers(model: Any) -> list[str]:
    """Return the names of the linear layers in the blocks of the language model, in order.

    Left out are the output layer, layers of a class with a computation of its own (DeepSeek V4's grouped ones), parts
    that read images and sound, experts and what chooses among them, and in a Mamba mixer all layers but the first: its
    kernels read the others' weights past their ``forward``, so that an adapter would change nothing (transformers'
    Mamba, Jamba, Bamba; peft refuses some of them, ``_check_lora_target_modules_mamba``).
    """
    decoder, head = model.get_decoder(), model.get_output_embeddings()
    prefix = next(name for name, module in model.named_modules() if module is decoder)
    mixes_experts = any(name.endswith(EXPERTS) for name, _ in decoder.named_modules())
    left_out = CHOOSERS | OF_EXPERTS if mixes_experts else CHOOSERS
    return [
        f"{prefix}.{name}" if prefix else name
        for name, module in decoder.named_modules()
        if _is_plain(module) and module is not head and not left_out & set(name.split("."))
        if not _is_read_past_forward(decoder, name)
    ]


def short_names(model: Any, layers: Sequence[str]) -> list[str]:
    """Return the last parts of the names of ``layers`` where these mean no other module, else the names themselves."""
    endings = sorted({_ending(name) for name in layers})
    meant = {name for name, _ in model.named_modules() if _ending(name) in endings}
    return endings if meant == set(layers) else list(layers)


def is_transposed(model: Any, layers: Collection[str]) -> bool:
    """Return whether layers of these names, whole or their last parts, hold their weights transposed, as in GPT-2."""
    names = (name for name, module in model.named_modules() if type(module) is Conv1D)
    return any(name in layers or _ending(name) in layers for name in names)


def _ending(name: str) -> str:
    return name.rpartition(".")[2]


def _is_plain(module: Any) -> bool:
    """Whether it makes a row of outputs from a row of inputs, and nothing else. Its weights may be quantised."""
    if type(module) is Conv1D:
        return True
    if not isinstance(module, torch.nn.Linear):
        return False
    if type(module).__module__.startswith(("torch.", "bitsandbytes.")):
        return True
    row = torch.zeros(1, module.in_features, dtype=module.weight.dtype, device=module.weight.device)
    try:
        with torch.inference_mode():
            outputs = module(row)
    except (RuntimeError, ValueError, TypeError, IndexError):
        return False
    return isinstance(outputs, torch.Tensor) and outputs.shape == (1, module.out_features)


def _is_read_past_forward(decoder: Any, name: str) -> bool:
    mixer = decoder.get_submodule(name.rpartition(".")[0])
    return hasattr(mixer, "A_log") and hasattr(mixer, "D") and _ending(name) != MIXER_INPUT
