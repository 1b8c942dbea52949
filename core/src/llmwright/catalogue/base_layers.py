"""The layers of a base model that LoRA may change, by name and size, as far as its preset tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llmwright.catalogue.lora_layers import lora_layers
from llmwright.values.preset import Preset

BESIDE = ("embed_tokens", "lm_head")
"""Layers that PEFT can change too where a user names them."""
_READS_HIDDEN = ("q_proj", "k_proj", "v_proj", "qkv_proj", "gate_proj", "up_proj", "gate_up_proj")
_WRITES_HIDDEN = ("o_proj", "down_proj")
_TEXT_ALONE = "ForCausalLM"


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseLayers:
    """Layers by the last part of their names -> (outputs, inputs), 0 where unknown.

    ``complete``: the base has no other layer that an adapter may change.
    """

    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    complete: bool = False


def base_layers(preset: Preset) -> BaseLayers:
    """Return the layers of ``preset``; none, and incomplete, where nobody knows its architecture.

    Only the width of the whole network is told: every block reads and writes it, whatever the heads of each layer.
    Models that see have blocks of another width, and experts are no linear layers: there less is known.
    """
    architecture, names = preset.architecture, lora_layers(preset)
    if architecture is None or not names:
        return BaseLayers()
    width = architecture.hidden_size
    text = all(name.endswith(_TEXT_ALONE) for name in architecture.names)
    known = (*_READS_HIDDEN, *_WRITES_HIDDEN)
    sizes = dict.fromkeys((*names, *BESIDE), (0, 0))
    if text:
        reads = {name: (0, width) for name in names if name in _READS_HIDDEN}
        sizes |= reads | {name: (width, 0) for name in names if name in _WRITES_HIDDEN}
    dense = "down_proj" in names and all(name in known for name in names)
    return BaseLayers(sizes=sizes, complete=text and dense)
