"""The machine that a GPU node's labels describe: NVIDIA's GPU feature discovery, and MIG profiles."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmwright.api.pod_schema import parse_quantity
from llmwright.errors import ConfigError
from llmwright.values.instance_type import InstanceType

PRESENT = "nvidia.com/gpu.present"
"""NVIDIA's GPU operator writes ``true`` on nodes with a GPU. With ``false`` a node works on its processor."""
PRODUCT = "nvidia.com/gpu.product"
COUNT = "nvidia.com/gpu.count"
MEMORY = "nvidia.com/gpu.memory"
COMPUTE_MAJOR = "nvidia.com/cuda.compute.major"
COMPUTE_MINOR = "nvidia.com/cuda.compute.minor"
MIG_CONFIG = "nvidia.com/mig.config"
MIG_STATE = "nvidia.com/mig.config.state"

GIB = 1024**3

MIG_PROFILES: Mapping[int, tuple[int, ...]] = {
    1: (5, 6, 10, 12, 18, 20, 23, 24, 35, 45),
    2: (10, 12, 20, 24, 35, 45),
    3: (20, 40, 47, 48, 71, 90),
    4: (20, 24, 40, 47, 48, 71, 90),
    7: (40, 80, 94, 96, 141, 180),
}
"""Slices of a GPU to the GB of memory they come with (KAITO v0.12, pkg/sku; NVIDIA MIG user guide)."""

_MIG = re.compile(r"(\d)g\.(\d+)gb")


PROCESSOR = "processor"
"""The name of a machine without a GPU that is known by its node's labels."""


def instance_type_of_node(
    labels: Mapping[str, str], allocatable: Mapping[str, Any], *, node: str = "node"
) -> InstanceType:
    """Return the machine that a node is: what its labels describe, or one without a GPU where ``PRESENT`` is ``false``.

    Args:
        allocatable: the node's ``status.allocatable``, for the cores and the memory of a machine without a GPU.

    Raises:
        ConfigError: a needed label is missing or is no number.
    """
    if labels.get(PRESENT) != "false":
        return instance_type_of_labels(labels, node=node)
    return InstanceType(
        name=PROCESSOR,
        cloud="node",
        cpus=_amount(allocatable, "cpu"),
        memory_bytes=_amount(allocatable, "memory"),
        fact_source=f"label {PRESENT} and resources of {node}",
    )


def instance_type_of_labels(labels: Mapping[str, str], *, node: str = "node") -> InstanceType:
    """Return the machine that a node's labels describe. Each GPU's memory is rounded to whole GiB, as upstream does.

    Raises:
        ConfigError: a needed label is missing or is no number.
    """
    missing = [label for label in (PRODUCT, COUNT, MEMORY) if not labels.get(label)]
    if missing:
        raise ConfigError(
            f"{node} has no label {missing[0]}", hint="install NVIDIA's GPU feature discovery", reason="NoGpuLabels"
        )
    return InstanceType(
        name="unknown",
        cloud="node",
        gpus=_number(labels, COUNT, node),
        gpu_model=labels[PRODUCT],
        gpu_memory_bytes=round(_number(labels, MEMORY, node) / 1024) * GIB,
        compute_capability=_capability(labels),
        fact_source=f"labels of {node}",
    )


def mig_is_active(labels: Mapping[str, str]) -> bool:
    """Whether the node's GPUs are partitioned, and the partitioning is finished."""
    return labels.get(MIG_CONFIG, "all-disabled") not in ("", "all-disabled") and labels.get(MIG_STATE) == "success"


def mig_slice(profile: str) -> InstanceType:
    """Return a MIG slice as a machine with one GPU.

    Raises:
        ConfigError: no such profile.
    """
    match = _MIG.fullmatch(profile)
    compute, memory = (int(match[1]), int(match[2])) if match else (0, 0)
    if memory not in MIG_PROFILES.get(compute, ()):
        known = ", ".join(f"{part}g.{size}gb" for part, sizes in MIG_PROFILES.items() for size in sizes)
        raise ConfigError(f"unknown MIG profile {profile!r}", hint=f"one of: {known}", reason="UnknownMigProfile")
    return InstanceType(name=profile, cloud="node", gpus=1, gpu_model=f"MIG {profile}", gpu_memory_bytes=memory * GIB)


def _number(labels: Mapping[str, str], label: str, node: str) -> int:
    text = labels[label]
    if not (text.isascii() and text.isdigit() and int(text) > 0):
        raise ConfigError(f"{node}: label {label} is {text!r}, expected a whole number", reason="BadGpuLabels")
    return int(text)


def _amount(allocatable: Mapping[str, Any], resource: str) -> int:
    """Return the whole amount of ``resource``; 0 where the node does not say, or not as a quantity."""
    try:
        return int(parse_quantity(allocatable.get(resource, 0)))
    except ValueError:
        return 0


def _capability(labels: Mapping[str, str]) -> tuple[int, int] | None:
    major, minor = labels.get(COMPUTE_MAJOR, ""), labels.get(COMPUTE_MINOR, "0")
    return (int(major), int(minor)) if major.isdecimal() and minor.isdecimal() else None
