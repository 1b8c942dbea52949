"""The processors and the host memory of a server's or a tuning's pod; arithmetic only."""

from __future__ import annotations

from dataclasses import dataclass

from llmwright.values.fit import Fit

GIB = 1024**3

PROCESS_BYTES = 4 * GIB
"""Host memory that is reserved for each process with a GPU: Python, torch's libraries, pinned buffers."""

USABLE = 0.9
"""The part of a machine's memory that its pods may have: the rest is the system's and the kubelet's."""

RESERVED = 0.5
"""The largest part of a machine that a pod reserves: the cluster's own pods must find room beside it."""

LEAST_CPU = 500
"""Thousandths of a processor that are reserved where nothing is known of the machine, and for the smallest model."""


@dataclass(frozen=True, slots=True)
class PodResources:
    """The amounts that are reserved, and the most that may be used; processors in thousandths, memory in bytes.

    A most of None is none: nothing is known of the machine.
    """

    cpu: int
    memory: int
    most_cpu: int | None = None
    most_memory: int | None = None


def pod_resources(fit: Fit) -> PodResources:
    """Return the needs of the pod that has ``fit.gpus`` GPUs of one machine.

    On a GPU the weights of one device pass through the host's memory while they load. Without one all terms of the
    fit are the host's, and the part of the processors that is reserved is the part of the memory that is needed: so
    small models share a machine. The pod may use its share of the machine, by the number of GPUs.
    """
    machine = fit.instance_type
    share = fit.gpus / machine.gpus if fit.gpus and machine.gpus else 1.0
    most_memory = int(machine.memory_bytes * share * USABLE) or None
    most_cpu = int(machine.cpus * share * 1000) or None
    needed = _needed(fit)
    if most_memory is not None and fit.gpus:
        needed = min(needed, int(most_memory * RESERVED))
    elif most_memory is not None:
        most_memory = max(most_memory, needed)
    return PodResources(_reserved_cpu(fit, most_cpu, needed, most_memory), needed, most_cpu, most_memory)


def _reserved_cpu(fit: Fit, most_cpu: int | None, needed: int, most_memory: int | None) -> int:
    if most_cpu is None:
        return LEAST_CPU
    half = max(int(most_cpu * RESERVED), 1)
    if fit.gpus or most_memory is None:
        return half
    return min(half, max(LEAST_CPU, int(most_cpu * needed / most_memory)))


def _needed(fit: Fit) -> int:
    if not fit.gpus:
        return fit.needed_bytes
    weights = sum(term.bytes for term in fit.terms if term.name == "weights")
    return fit.gpus * PROCESS_BYTES + weights
