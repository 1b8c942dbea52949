"""The Fit of a model that is tuned, from the terms that its tuner names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from llmwright.sizing import terms
from llmwright.sizing.serving_fit import budget
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningNeed:
    """The needs of a LoRA run: ``quantization`` of the base, the shape of LoRA, and one batch of rows."""

    quantization: str | None = None
    rank: int = 8
    targets: tuple[str, ...] = ()
    batch: int = 1
    context: int = 2048
    checkpointing: bool = True


def lora_terms(preset: Preset, need: TuningNeed) -> tuple[MemoryTerm, ...]:
    """Return weights, activations, adapter and optimizer. The machine computes in ``preset.dtype``."""
    tokens = need.batch * need.context
    return (
        terms.weights(preset, preset.dtype, need.quantization),
        terms.training_activations(preset, preset.dtype, tokens, checkpointing=need.checkpointing),
        terms.lora_state(preset, need.rank, need.targets),
    )


def fit_tuning(
    named: Sequence[MemoryTerm], machine: InstanceType, *, dtype: str, context: int, quantization: str | None = None
) -> Fit:
    """Return the Fit of a tuner's terms on one machine: one process per GPU, each with the whole model."""
    return Fit(
        instance_type=machine,
        gpus=machine.gpus,
        dtype=dtype,
        quantization=quantization,
        context=context,
        data_parallel=max(1, machine.gpus),
        terms=(*named, terms.process(machine), terms.reserve(named)),
        budget_bytes=budget(machine),
    )
