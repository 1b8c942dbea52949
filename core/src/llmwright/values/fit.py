"""The fit of a model on a machine: memory terms and parallelism."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.values.copies import ONE_COPY, Copies
from llmwright.values.instance_type import InstanceType


@dataclass(frozen=True, slots=True)
class MemoryTerm:
    """One named share of memory, in bytes on one device. ``formula`` has its numbers filled in."""

    name: str
    bytes: int
    formula: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """The machine and the memory of one replica.

    ``terms`` and ``budget_bytes`` are per GPU, or of the host's memory where ``gpus`` is 0. ``gpus`` is the number in
    one node. ``pipeline_parallel`` counts the stages over all nodes; a node holds several where the model's heads do
    not divide over all of its GPUs. ``context`` is the longest sequence in tokens that is served or trained,
    ``concurrency`` the number of sequences at once. ``copies`` is
    the range of their number.
    """

    instance_type: InstanceType
    nodes: int = 1
    gpus: int = 0
    dtype: str = "float32"
    quantization: str | None = None
    context: int = 2048
    concurrency: int = 1
    tensor_parallel: int = 1
    pipeline_parallel: int = 1
    data_parallel: int = 1
    terms: tuple[MemoryTerm, ...] = ()
    budget_bytes: int = 0
    copies: Copies = ONE_COPY

    @property
    def needed_bytes(self) -> int:
        """Sum of the terms, in bytes on one device."""
        return sum(term.bytes for term in self.terms)

    @property
    def fits(self) -> bool:
        """Whether the terms stay within the budget."""
        return self.needed_bytes <= self.budget_bytes
