"""One replica spread over GPUs and machines (KAITO v0.12, ``pkg/model/interface.go`` configureParallelism)."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.values.instance_type import InstanceType


@dataclass(frozen=True, slots=True)
class Parallelism:
    """Tensor parallelism within a machine, pipeline parallelism across machines, or one copy on each GPU."""

    tensor: int = 1
    pipeline: int = 1
    data: int = 1


def fits_half_a_gpu(weight_bytes: int, machine: InstanceType | None) -> bool:
    """Whether the weights need less than half of one of several GPUs, so that each GPU can hold its own copy."""
    if machine is None or machine.gpus < 2 or weight_bytes <= 0:
        return False
    return weight_bytes * 2 < machine.gpu_memory_bytes


def parallelism(weight_bytes: int, machine: InstanceType, nodes: int = 1) -> Parallelism:
    """Return copies for a small model, else tensor parallelism in each machine and a pipeline across them."""
    if nodes == 1 and fits_half_a_gpu(weight_bytes, machine):
        return Parallelism(data=machine.gpus)
    return Parallelism(tensor=max(1, machine.gpus), pipeline=nodes)
