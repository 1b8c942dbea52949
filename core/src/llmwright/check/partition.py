"""A share of a node's GPUs: MIG slices and whole GPUs of a shared node."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.api.workspace import Partition
from llmwright.catalogue.node_labels import mig_slice
from llmwright.catalogue.quantity import format_bytes
from llmwright.check.check_input import CheckInput
from llmwright.check.facts import Severity
from llmwright.errors import ConfigError, Problem

PATH = "resource.partition"
GATES = {"mig": "enableMIG", "accelerator": "enableAccelerator"}


def check_partition(inputs: CheckInput) -> Iterator[Problem]:
    """Partitions are for serving on nodes that the user brings, behind KAITO's gates."""
    partition = inputs.written.resource.partition
    if partition is None or not inputs.on_cluster:
        return
    if inputs.written.tuning is not None:
        yield Problem(PATH, "a share of a GPU cannot be used for tuning", "remove it", reason="NotSupported")
    if inputs.written.inference is None:
        return
    if not inputs.brings_nodes:
        names = inputs.drivers.installed.named("provisioner", lambda driver: driver.nodes_are_brought)
        hint = f"resource.provisioner: {' or '.join(names)}" if names else ""
        yield Problem(PATH, "is for nodes that you bring yourself", hint, reason="NotAllowed")
    enabled = inputs.cluster.gates.mig if partition.mode == "mig" else inputs.cluster.gates.accelerator
    if not enabled:
        hint = f"set featureGates.{GATES[partition.mode]}: true"
        yield Problem(PATH, f"partitions of mode {partition.mode} are not enabled", hint, reason="NotEnabled")
    yield from _mig(inputs, partition) if partition.mode == "mig" else _accelerator(partition)


def _mig(inputs: CheckInput, partition: Partition) -> Iterator[Problem]:
    if partition.count is not None:
        yield Problem(f"{PATH}.count", "mode mig takes one slice", "remove it", reason="NotAllowed")
    try:
        machine = mig_slice(partition.profile)
    except ConfigError as error:
        yield Problem(f"{PATH}.profile", error.message, error.hint, reason=error.reason)
        return
    preset = inputs.inference_preset
    if preset is None or preset.weight_bytes <= machine.gpu_memory_bytes:
        return
    has, needs = format_bytes(machine.gpu_memory_bytes), format_bytes(preset.weight_bytes)
    message = f"a slice {partition.profile} has {has}, the weights of {preset.name} alone take {needs}"
    severity: Severity = "warning" if inputs.bypass else "error"
    yield Problem(PATH, message, "take a larger profile", severity=severity, reason="InsufficientMemory")


def _accelerator(partition: Partition) -> Iterator[Problem]:
    if partition.profile:
        yield Problem(f"{PATH}.profile", "mode accelerator takes whole GPUs", "write count", reason="NotAllowed")
    if partition.count is None:
        yield Problem(f"{PATH}.count", "says how many GPUs and is required", "count: 1", reason="Required")
