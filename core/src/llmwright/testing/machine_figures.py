"""Whether the figures of an instance type can be true: units, known GPUs, and prices of their order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from llmwright.values.instance_type import InstanceType

GIB = 2**30

GPUS: tuple[tuple[str, tuple[int, ...], tuple[int, int] | None], ...] = (
    ("A100", (40, 80), (8, 0)), ("H100", (80, 94, 96), (9, 0)), ("H200", (141,), (9, 0)), ("H20", (96, 141), (9, 0)),
    ("GB200|B200", (180, 186, 192), (10, 0)), ("GB300|B300", (268, 279, 288), (10, 3)), ("A10G?", (24,), (8, 6)),
    ("A2", (16,), (8, 6)), ("A16", (16,), (8, 6)), ("A30", (24,), (8, 0)), ("A40", (48,), (8, 6)),
    ("L4", (24,), (8, 9)), ("L40S?", (48,), (8, 9)), ("T4G?", (16,), (7, 5)), ("V100", (16, 32), (7, 0)),
    ("P100", (12, 16), (6, 0)), ("P40", (24,), (6, 1)), ("P4", (8,), (6, 1)), ("K80", (12,), (3, 7)),
    ("M60", (8,), (5, 2)),
    ("RTX A?6000( Ada)?", (48,), None), ("RTX PRO 6000", (96,), (12, 0)), ("(RTX )?[34]090", (24,), None),
    ("(RTX )?5090", (32,), (12, 0)), ("MI210", (64,), None), ("MI250X?", (64, 128), None), ("MI300X", (192,), None),
    ("MI325X", (256,), None), ("MI35[05]X", (288,), None), ("V520", (8,), None), ("V620", (32,), None),
    ("Inferentia2", (32,), None), ("Trainium", (32,), None), ("Trainium2", (96,), None),
    ("Gaudi2", (96,), None), ("Gaudi3", (128,), None),
)  # fmt: skip
"""Model, GiB as its maker sells them, and compute capability (data sheets of NVIDIA, AMD, AWS and Intel)."""

MOST_CPUS, MOST_GPUS = 4096, 16
"""More than any machine that a cloud sells has."""

FORMS = {
    "azure": re.compile(r"Standard_[A-Z][A-Za-z0-9_-]+"),
    "aws": re.compile(r"[a-z][a-z0-9-]*\.(metal|nano|micro|small|medium|\d*x?large)[a-z0-9-]*"),
}
"""How the clouds name their types. Azure Arc has names of Azure's form."""

ARC = "arc"
USD_PER_GIB, USD_PER_CPU = (0.0005, 0.6), (0.002, 1.0)
"""Price of an hour, for each GiB of all GPUs, and for each processor of a machine without GPUs."""


def machine_faults(machine: InstanceType) -> Iterator[str]:
    """Yield all that cannot be true of ``machine``, in words, each with its key."""
    if machine.memory_bytes and not GIB <= machine.memory_bytes <= 65536 * GIB:
        yield f"memoryBytes is {machine.memory_bytes}: write a number of bytes, or a unit as in 32Gi"
    if not 0 <= machine.cpus <= MOST_CPUS:
        yield f"cpus is {machine.cpus}"
    if machine.gpus > MOST_GPUS:
        yield f"gpus is {machine.gpus}: it is of one machine"
    if machine.gpus:
        yield from _gpu_faults(machine)
    elif machine.gpu_memory_bytes or machine.gpu_model:
        yield "it has gpuModel or gpuMemoryBytes, and gpus is 0"
    for cloud, form in FORMS.items():
        alike = form.fullmatch(machine.name) is not None
        if alike and machine.cloud not in (cloud, *((ARC,) if cloud == "azure" else ())):
            yield f"its name is of {cloud}'s form, and its cloud is {machine.cloud}"
        elif machine.cloud == cloud and not alike:
            yield f"its name is not of the form that {cloud} has"
    if machine.price is not None:
        yield from _price_faults(machine, machine.price.usd_per_hour)


def _gpu_faults(machine: InstanceType) -> Iterator[str]:
    size = machine.gpu_memory_bytes / GIB
    if not machine.gpu_model:
        yield "it has GPUs and no gpuModel"
    if size < 1:
        yield f"gpuMemoryBytes is {machine.gpu_memory_bytes}: write a number of bytes, or a unit as in 24Gi"
        return
    for model, sizes, capability in GPUS:
        if re.search(rf"(^|[ _-]){model}([ _-]|$)", machine.gpu_model) is None:
            continue
        if not any(0.85 <= size / real <= 1.03 for real in sizes):
            yield (
                f"gpuMemoryBytes is {size:.4g} GiB, and one {machine.gpu_model} has {' or '.join(map(str, sizes))}: "
                "it is of one GPU"
            )
        if capability and machine.compute_capability not in (None, capability):
            yield f"computeCapability is {machine.compute_capability}, and {machine.gpu_model} has {capability}"
        return
    if size > 320:
        yield f"gpuMemoryBytes is {size:.4g} GiB: it is of one GPU"


def _price_faults(machine: InstanceType, usd: float) -> Iterator[str]:
    gib = machine.gpus * machine.gpu_memory_bytes / GIB
    unit, number, (least, most) = ("GiB of its GPUs", gib, USD_PER_GIB) if gib else ("CPU", machine.cpus, USD_PER_CPU)
    if number and not least <= usd / number <= most:
        yield f"usdPerHour is {usd}, {usd / number:.3g} USD for each {unit}; is it in USD, for an hour of one machine?"
