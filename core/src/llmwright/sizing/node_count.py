"""Upstream's node count: the lower bound that the same YAML on KAITO would get.

KAITO v0.12, ``pkg/workspace/estimator/nodesestimator/estimator.go``, lines 35-60 and 135-190.
"""

from __future__ import annotations

import math

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.values.instance_type import InstanceType
from llmwright.values.preset import Preset

GIB = 1024**3
UTILIZATION = 0.84
WEIGHT_EXPANSION = 1.02
BASE_OVERHEAD_BYTES = 2.3 * GIB
WEIGHT_OVERHEAD = 1.05
DEFAULT_CONTEXT = 2048


def gpus_needed(preset: Preset, machine: InstanceType, context: int | None = None) -> int:
    """Return how many GPUs of ``machine`` hold ``preset`` and one sequence of ``context`` tokens; at least 1.

    With W = weight bytes x 1.02 and R = 2.3 GiB + context x KV bytes per token / GPUs of the node: the room for
    weights on one GPU is (0.84 x memory - R) / 1.05, and floor(W / room) + 1 GPUs are needed.

    Raises:
        InvalidWorkspace: the machine has no GPU, or R alone fills one.
    """
    if machine.gpus < 1 or machine.gpu_memory_bytes < 1:
        raise _refusal(f"{machine.name} has no GPU memory to size {preset.name} by", "choose a machine with GPUs")
    usable = UTILIZATION * machine.gpu_memory_bytes
    tokens = DEFAULT_CONTEXT if context is None else context
    reserved = BASE_OVERHEAD_BYTES + tokens * preset.kv_bytes_per_token / machine.gpus
    if usable <= reserved:
        raise _refusal(
            f"GPU memory {machine.gpu_memory_bytes / GIB:.1f} GiB of {machine.name} is too small, needs at least "
            f"{reserved / UTILIZATION / GIB:.1f} GiB for overhead and a context of {tokens} tokens",
            "choose GPUs with more memory or a shorter context",
        )
    room = (usable - reserved) / WEIGHT_OVERHEAD
    return math.floor(preset.weight_bytes * WEIGHT_EXPANSION / room) + 1


def node_count(
    preset: Preset, machine: InstanceType, context: int | None = None, *, single_device: bool = False
) -> int:
    """Return the number of machines of one kind that ``preset`` needs.

    Args:
        context: tokens; upstream's default of 2048 where None.
        single_device: the GPU is a MIG slice, and a model cannot use several of them.

    Raises:
        InvalidWorkspace: it cannot be sized, or needs several machines and cannot be distributed.
    """
    gpus = gpus_needed(preset, machine, context)
    if single_device and gpus > machine.gpus:
        raise _refusal(
            f"{preset.name} needs {gpus} of {machine.name}, which only provides {machine.gpus}",
            "choose a larger slice or whole GPUs",
            path="resource.partition.profile",
        )
    nodes = math.ceil(gpus / machine.gpus)
    if nodes > 1 and not preset.distributable:
        raise _refusal(
            f"{preset.name} needs {nodes} machines of {machine.name} and cannot be spread over several",
            "choose a machine with more GPU memory",
        )
    return nodes


def _refusal(message: str, hint: str, path: str = "resource.instanceType") -> InvalidWorkspace:
    return InvalidWorkspace([Problem(path, message, hint=hint, reason="DoesNotFit")])
