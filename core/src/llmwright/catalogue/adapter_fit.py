"""Whether a LoRA adapter fits a base model, by the shapes of both: one judgement for ``check`` and for servers."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

from llmwright.values.lora_adapter import MAX_LORA_RANK, LoraAdapter, Misfit

PREFIX = "base_model.model."
"""With which PEFT begins the name of each tensor."""
_MATRIX = re.compile(r"(.+)\.lora_(embedding_)?([AB])(?:\.weight)?")
_LAYER = re.compile(r"\.(?:layers|h|blocks)\.(\d+)\.")
_HINT = "it was made for another model"

Sizes = Mapping[str, tuple[int, int]]
"""Name of a layer -> (outputs, inputs), 0 where unknown. A name may be the last part alone, for all layers of it."""


def misfits(
    adapter: LoraAdapter, *, max_rank: int = MAX_LORA_RANK, sizes: Sizes, complete: bool, layers: int | None = None
) -> Iterator[Misfit]:
    """Yield why ``adapter`` does not fit a base whose layers have ``sizes``.

    ``complete``: the base has no layer of another name. ``layers`` is the number of its blocks, None where unknown. A
    base of another name with the same shapes is no misfit: a model and its instruct version exchange adapters.
    """
    if adapter.rank > max_rank:
        yield Misfit("rank", f"its rank is {adapter.rank}, and the greatest that is served is {max_rank}")
    known = _by_last_name(sizes)
    if complete:
        yield from _modules(adapter, known)
    yield from _shapes(adapter, known)
    if layers is not None:
        yield from _layers(adapter, layers)


def _by_last_name(sizes: Sizes) -> dict[str, set[tuple[int, int]]]:
    known: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for name, size in sizes.items():
        known[_last(name)].add(size)
    return known


def _modules(adapter: LoraAdapter, known: Mapping[str, object]) -> Iterator[Misfit]:
    for target in adapter.targets:
        if _last(target) not in known:
            yield Misfit("modules", f"its target_modules have {target}, which the base does not have")
            return


def _shapes(adapter: LoraAdapter, known: Mapping[str, set[tuple[int, int]]]) -> Iterator[Misfit]:
    for name, shape in adapter.shapes.items():
        match = _MATRIX.fullmatch(name.removeprefix(PREFIX))
        sizes = known.get(_last(match[1]), ()) if match else ()
        if match and sizes and len(shape) == 2:
            first = match[3] == "A"
            ours = shape[1 if first else 0]
            theirs = sorted({size[1 if first else 0] for size in sizes})
            if ours not in theirs and 0 not in theirs:
                shown = " or ".join(map(str, theirs))
                ends = "inputs" if first else "outputs"
                message = f"size mismatch: its {match[1]} has {ours} {ends}, and the base's has {shown}: {_HINT}"
                yield Misfit("shape", message)
                return


def _layers(adapter: LoraAdapter, layers: int) -> Iterator[Misfit]:
    numbers = (int(match[1]) for name in adapter.shapes if (match := _LAYER.search(name)) is not None)
    last = max(numbers, default=0)
    if last >= layers:
        yield Misfit("layers", f"it has weights of layer {last}, and the base has {layers} layers: {_HINT}")


def _last(name: str) -> str:
    return name.rpartition(".")[2]
