"""The names of the layers that LoRA changes where neither a preset nor the user names any."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from llmwright.values.preset import Preset


def lora_layers(preset: Preset) -> tuple[str, ...]:
    """Return the preset's own target modules, else those of its architecture; empty where nobody knows them."""
    names = preset.architecture.names if preset.architecture else ()
    known = (_by_architecture().get(name, ()) for name in names)
    return preset.lora_targets or next((layers for layers in known if layers), ())


@cache
def _by_architecture() -> Mapping[str, tuple[str, ...]]:
    text = files("llmwright.catalogue").joinpath("lora_layers.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["layers"]
    return {name: tuple(entry["names"]) for entry in entries for name in entry["architectures"]}
