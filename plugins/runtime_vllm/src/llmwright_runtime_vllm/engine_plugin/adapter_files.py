"""The files of an adapter, judged by the core's rules before the engine reads them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmwright.catalogue.adapter_fit import misfits
from llmwright.catalogue.adapter_rules import (
    MOST_CONFIG,
    MOST_HEADER,
    adapter_of,
    config_faults,
    link_problem,
    shapes_of,
)

from .fields import Refused

FIELD = "lora_path"
CONFIG, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"
_LENGTH_BYTES = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BaseModel:
    """The base that adapters must fit, as far as it is known: its layers by name, their number, the greatest rank."""

    sizes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    complete: bool = False
    layers: int | None = None
    max_rank: int

    @classmethod
    def of_text(cls, text: str, max_rank: int) -> BaseModel:
        """Return the base that the driver's JSON describes; nothing is known of it where that is empty."""
        about = json.loads(text or "{}")
        sizes = {name: (outputs, inputs) for name, (outputs, inputs) in about.get("sizes", {}).items()}
        return cls(sizes=sizes, complete=about.get("complete", False), layers=about.get("layers"), max_rank=max_rank)


def judge(directory: Path, roots: Sequence[Path], base: BaseModel) -> None:
    """Raise Refused for an adapter that is damaged, that asks for more than LoRA, or that does not fit ``base``."""
    problem = link_problem(directory, roots)
    if problem is not None:
        raise Refused(FIELD, problem)
    config = _config(directory / CONFIG)
    fault = next(config_faults(config), None)
    if fault is not None:
        raise Refused(FIELD, f"its {CONFIG} {fault}")
    adapter = adapter_of(config, _shapes(directory / WEIGHTS))
    unfit = misfits(adapter, max_rank=base.max_rank, sizes=base.sizes, complete=base.complete, layers=base.layers)
    for misfit in unfit:
        hint = "; runtimeConfig.maxLoraRank raises it" if misfit.kind == "rank" else ""
        raise Refused(FIELD, f"the adapter does not fit: {misfit.message}{hint}")


def _config(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as opened:
            config = _json(opened.read(MOST_CONFIG + 1), MOST_CONFIG, file.name)
    except OSError:
        raise Refused(FIELD, f"has no {file.name} that can be read") from None
    if not isinstance(config, dict):
        raise Refused(FIELD, f"its {file.name} holds no JSON object")
    return config


def _shapes(file: Path) -> dict[str, tuple[int, ...]]:
    """Return the shapes in the header of a safetensors file, which is whole: no byte is missing or too many."""
    try:
        with file.open("rb") as opened:
            length = int.from_bytes(opened.read(_LENGTH_BYTES), "little")
            header = _json(opened.read(min(length, MOST_HEADER + 1)), MOST_HEADER, f"header of {file.name}")
            size = opened.seek(0, 2)
    except OSError:
        raise Refused(FIELD, f"has no {file.name}; other formats can run code") from None
    try:
        ends = [int(about["data_offsets"][1]) for name, about in header.items() if name != "__metadata__"]
        shapes = shapes_of(header)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise Refused(FIELD, f"its {file.name} is damaged: its header describes no tensors") from None
    if not ends or size != _LENGTH_BYTES + length + max(ends):
        raise Refused(FIELD, f"its {file.name} is damaged: its header does not describe the {size} bytes of it")
    return shapes


def _json(content: bytes, most: int, what: str) -> Any:
    if len(content) > most:
        raise Refused(FIELD, f"its {what} is larger than {most:,} bytes")
    try:
        return json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(FIELD, f"its {what} is no JSON") from None
