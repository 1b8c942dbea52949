"""Nodes that the user brings: that there are such, and that they are alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from llmwright.catalogue.node_labels import instance_type_of_node
from llmwright.check.check_input import CheckInput, usable_labels
from llmwright.check.facts import NodeFacts
from llmwright.check.resource import fit_problems
from llmwright.errors import ConfigError, Problem
from llmwright.values.instance_type import InstanceType

PATH = "resource.labelSelector"


def check_nodes(inputs: CheckInput) -> Iterator[Problem]:
    """Where nodes are brought by KAITO's gate, the nodes that match have equal GPUs, and enough for the preset."""
    inference = inputs.written.inference
    asks = inputs.own_nodes_only and inputs.on_cluster and inputs.written.resource.partition is None
    if not asks or inputs.cluster.nodes is None or inference is None or inference.preset is None:
        return
    labels = usable_labels(inputs.written.resource.label_selector).items()
    nodes = [node for node in inputs.cluster.nodes if labels <= node.labels.items()]
    if not nodes:
        hint = "label your GPU nodes, or correct the selector"
        yield Problem(PATH, "no node of the cluster matches it", hint, reason="NoNodes")
        return
    machines, problems = _machines(nodes)
    yield from problems
    # The plan weighs the memory of machines without GPUs: how much of it is needed depends on the runtime.
    if machines and machines[0].gpus and not problems:
        yield from fit_problems(inputs, machines[0], len(machines))


def _machines(nodes: Sequence[NodeFacts]) -> tuple[list[InstanceType], list[Problem]]:
    machines: list[InstanceType] = []
    problems: list[Problem] = []
    for node in nodes:
        try:
            machine = instance_type_of_node(node.labels, node.allocatable, node=f"node {node.name}")
        except ConfigError as error:
            problems.append(Problem(PATH, error.message, error.hint, reason=error.reason))
            continue
        machines.append(replace(machine, name=node.name))
        problems += _unlike(machines[0], machine, node)
    return machines, problems


def _unlike(first: InstanceType, machine: InstanceType, node: NodeFacts) -> list[Problem]:
    pairs = (
        ("GPU product", first.gpu_model, machine.gpu_model),
        ("number of GPUs", first.gpus, machine.gpus),
        ("memory per GPU", first.gpu_memory_bytes, machine.gpu_memory_bytes),
    )
    return [
        Problem(
            PATH,
            f"the nodes that match differ in their {what}: {first.name} has {expected}, {node.name} has {actual}",
            "narrow the selector to nodes that are alike",
            reason="UnlikeNodes",
        )
        for what, expected, actual in pairs
        if expected != actual
    ]
