"""One replica spread over GPUs and machines.

It is KAITO's way (v0.12, ``pkg/model/interface.go`` configureParallelism), except where the attention heads do not
divide over a machine's GPUs: engines refuse that when they load the model (vLLM ``verify_with_parallel_config``, and
the assertions on key-value heads of its models).
"""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Architecture


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


def parallelism(
    weight_bytes: int, machine: InstanceType, nodes: int = 1, sizes: Architecture | None = None
) -> Parallelism:
    """Return copies for a small model, else tensor parallelism in each machine and a pipeline across them.

    Where the heads divide over some of a machine's GPUs only, these are a group: each group holds a copy of a model
    that needs less than half of it, else the groups are stages of the pipeline.
    """
    if nodes == 1 and fits_half_a_gpu(weight_bytes, machine):
        return Parallelism(data=machine.gpus)
    gpus = max(1, machine.gpus)
    tensor = next(count for count in range(gpus, 0, -1) if gpus % count == 0 and _divides(sizes, count))
    groups = gpus // tensor
    if nodes == 1 and groups > 1 and weight_bytes * 2 < tensor * machine.gpu_memory_bytes:
        return Parallelism(tensor=tensor, data=groups)
    return Parallelism(tensor=tensor, pipeline=nodes * groups)


def _divides(sizes: Architecture | None, gpus: int) -> bool:
    """Whether each GPU gets as many heads as the others; of key-value heads that are fewer than GPUs, each a copy."""
    if sizes is None:
        return True
    fewer, more = sorted((max(1, sizes.kv_heads), gpus))
    return sizes.attention_heads % gpus == 0 and more % fewer == 0
