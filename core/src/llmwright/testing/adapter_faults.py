"""Whether an adapter that a trainer left is one that peft loads, and its record of steps one that can be shown."""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

PREFIX = "base_model.model."
"""With which peft names each tensor (peft/utils/save_and_load.py, ``get_peft_model_state_dict``)."""

TYPE = re.compile(r"[A-Z][A-Z0-9_]+")
ALL_LINEAR = "all-linear"
LAYER = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.")


def adapter_faults(about: Mapping[str, Any], weights: Path, layers: int) -> Iterator[str]:
    """Yield what is wrong with an adapter for a model of ``layers``: ``about`` is its configuration."""
    if TYPE.fullmatch(str(about.get("peft_type"))) is None:
        yield f"peft_type is {about.get('peft_type')!r}: peft has LORA, and other words in capitals"
    if about.get("peft_type") == "LORA" and "lora_alpha" not in about:
        yield "the configuration has no lora_alpha: peft takes its own, so the adapter has another strength"
    data = weights.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    header.pop("__metadata__", None)
    foreign = [name for name in header if not name.startswith(PREFIX)]
    if foreign:
        yield f"the tensor {foreign[0]} does not begin with {PREFIX}, so peft passes it over"
    yield from _rank_faults(about, header)
    yield from _module_faults(about, header, layers)
    for name, tensor in header.items():
        first, last = (8 + size + offset for offset in tensor["data_offsets"])
        if tensor["dtype"] == "F32" and not all(map(math.isfinite, _floats(data[first:last]))):
            yield f"the tensor {name} has weights that are no numbers"
            return


def _rank_faults(about: Mapping[str, Any], header: Mapping[str, Any]) -> Iterator[str]:
    if about.get("rank_pattern"):
        return
    for name, tensor in header.items():
        if name.endswith("lora_A.weight") and tensor["shape"][0] != about.get("r"):
            yield f"the configuration says r {about.get('r')}, and {name} has {tensor['shape'][0]} rows"
            return


def _module_faults(about: Mapping[str, Any], header: Mapping[str, Any], layers: int) -> Iterator[str]:
    targets = about.get("target_modules")
    if isinstance(targets, str) and targets != ALL_LINEAR:
        modules = {name.removeprefix(PREFIX).partition(".lora_")[0] for name in header}
        if not any(re.fullmatch(targets, module) for module in modules):
            yield f"target_modules is the expression {targets!r}, which no module matches: list their names"
    if not isinstance(targets, list) or about.get("exclude_modules") or about.get("layers_pattern"):
        return
    chosen = about.get("layers_to_transform")
    wanted = {chosen} if isinstance(chosen, int) else {*chosen} if chosen else {*range(layers)}
    for target in targets:
        numbers = {
            int(match.group(1))
            for name in header
            if target in name.split(".") and (match := LAYER.search(name)) is not None
        }
        if numbers and not wanted <= numbers:
            yield f"{target} has no tensors of layer {min(wanted - numbers)}, and the configuration leaves none out"
        elif not any(target in name.split(".") for name in header):
            yield f"target_modules has {target}, and no tensor is of it"


def network_faults(about: Mapping[str, Any], model: Path) -> Iterator[str]:
    """Yield the target modules that the model in that directory lacks; nothing where its weights cannot be listed."""
    targets = about.get("target_modules")
    names = {name for file in sorted(model.glob("*.safetensors")) for name in _tensors(file)}
    parts = {part for name in names for part in name.split(".")}
    if parts and isinstance(targets, list):
        for target in targets:
            if not {*str(target).split(".")} <= parts:
                yield f"target_modules has {target!r}, and the model has no such module: nothing is trained there"


def _tensors(file: Path) -> Iterator[str]:
    with file.open("rb") as content:
        size = int.from_bytes(content.read(8), "little")
        yield from json.loads(content.read(size))


def _floats(data: bytes) -> Sequence[float]:
    return struct.unpack(f"<{len(data) // 4}f", data[: len(data) // 4 * 4])


def progress_faults(lines: Sequence[Mapping[str, Any]], steps: int | None) -> Iterator[str]:
    """Yield what is wrong with the ``step`` events of one run, which was asked for ``steps`` where that is known."""
    numbers = [event.get("step") for event in lines]
    if not all(isinstance(number, int) and number >= 1 for number in numbers):
        wrong = next(number for number in numbers if not isinstance(number, int) or number < 1)
        yield f"a step event whose step is {wrong!r}: it counts from 1"
        return
    whole = [number for number in numbers if isinstance(number, int)]
    if any(later <= before for before, later in pairwise(whole)):
        yield "steps are told twice, or out of order"
    most = [event.get("steps") for event in lines]
    if not all(isinstance(number, int) and number >= 1 for number in most):
        yield "a step event without steps: nobody can say how far the run is"
    elif any(step > of for step, of in zip(whole, most, strict=True) if isinstance(of, int)):
        yield f"a step event says step {max(whole)} of {max(of for of in most if isinstance(of, int))}"
    losses = [event["loss"] for event in lines if event.get("loss") is not None]
    if not all(isinstance(loss, int | float) and math.isfinite(loss) for loss in losses):
        yield "a step event has a loss that is no number"
    if steps is not None and whole and whole[-1] != steps:
        yield f"the last step that is told is {whole[-1]} of {steps}"
