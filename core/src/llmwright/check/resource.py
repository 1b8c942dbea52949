"""The machines: how many, which labels, which type, and whether the model can fit at all."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.api.instance_type_field import AUTO, is_auto, leaves_choice, listed_types
from llmwright.catalogue.quantity import format_bytes
from llmwright.catalogue.unknown_name import has_prefix
from llmwright.check.check_input import CheckInput, usable_labels
from llmwright.check.facts import Severity
from llmwright.check.kubernetes_names import label_value_problem
from llmwright.check.placeholders import placeholders_in, unfilled
from llmwright.errors import Problem, did_you_mean
from llmwright.values.instance_type import InstanceType

LIST_TYPES = "llmwright instance-types list"
AZURE_WITHOUT_GPUS = ("standard_d",)
AZURE_PREFIXES = ("standard_n", *AZURE_WITHOUT_GPUS)


def check_count(inputs: CheckInput) -> Iterator[Problem]:
    """At least one node; one for tuning."""
    if inputs.count < 1:
        yield Problem("resource.count", f"{inputs.count} nodes cannot run anything", "1 or more", reason="Unworkable")
    if inputs.written.tuning is not None and inputs.count > 1 and inputs.on_cluster:
        yield Problem("resource.count", "tuning runs on one node", "write count: 1", reason="NotSupported")


def check_selector(inputs: CheckInput) -> Iterator[Problem]:
    """The label selector is there, can be written as labels, and names more than reserved ones."""
    if not inputs.on_cluster:
        return
    selector = inputs.written.resource.label_selector
    if selector is None:
        hint = "labelSelector: {matchLabels: {apps: my-model}}"
        yield Problem("resource.labelSelector", "is required", hint, reason="Required")
        return
    # For tuning KAITO reads no selector at admission, and its Jobs use matchLabels only.
    severity: Severity = "error" if inputs.written.tuning is None else "warning"
    for index, expression in enumerate(selector.match_expressions):
        if expression.operator != "In" or len(expression.values) != 1:
            path = f"resource.labelSelector.matchExpressions[{index}]"
            hint = "use matchLabels, or operator In with one value"
            yield Problem(
                path, "cannot be written as one label with one value", hint, severity=severity, reason="NotSupported"
            )
    if selector.match_labels and not usable_labels(selector):
        message = "names only labels that are reserved for the controller"
        path, hint = "resource.labelSelector.matchLabels", "add a label of your own"
        yield Problem(path, message, hint, severity=severity, reason="Reserved")


def check_preferred_nodes(inputs: CheckInput) -> Iterator[Problem]:
    """Nodes that are preferred by name are found by their labels only."""
    if inputs.on_cluster and inputs.written.resource.preferred_nodes:
        hint = "label those nodes as resource.labelSelector says"
        message = "is not used: nodes are found by their labels"
        yield Problem("resource.preferredNodes", message, hint, severity="warning", reason="NotUsed")


def check_instance_type(inputs: CheckInput) -> Iterator[Problem]:
    """A type is named where nodes are bought, and not where they are brought by KAITO's gate; and it exists."""
    if not inputs.on_cluster:
        return
    name = inputs.workspace.resource.instance_type
    if inputs.own_nodes_only and name:
        message = "must be left out where node auto-provisioning is disabled: nodes are found by their labels"
        yield Problem("resource.instanceType", message, "remove it", reason="NotAllowed")
    elif not name and not inputs.brings_nodes:
        brought = inputs.drivers.installed.named("provisioner", lambda driver: driver.nodes_are_brought)
        own = f"; for nodes of your own write resource.provisioner: {' or '.join(brought)}" if brought else ""
        hint = f"name one, or write {AUTO} to have one chosen; `{LIST_TYPES}` lists all{own}"
        yield Problem("resource.instanceType", "is required where nodes are bought", hint, reason="Required")
    elif name and not inputs.catalogue.cloud and inputs.written.tuning is None and not inputs.brings_nodes:
        # KAITO looks at the type of inference Workspaces only.
        hint = "set cloud: azure, aws or another in the settings"
        yield Problem("resource.instanceType", "no cloud is named, so no type is known", hint, reason="NoCloud")
    elif name and not is_auto(name):
        yield from _list_problems(inputs, name)
        for each in dict.fromkeys(filter(None, listed_types(name))):
            yield from _known_type(inputs, each) if not is_auto(each) else ()


def _list_problems(inputs: CheckInput, written: str) -> Iterator[Problem]:
    """A list names types, each once; of nodes that are there already, nothing is tried one after the other."""
    names, path = listed_types(written), "resource.instanceType"
    twice = len({name.lower() for name in names}) < len(names)
    if leaves_choice(written) and inputs.brings_nodes:
        hint = "name one type, or none: labels find the nodes"
        yield Problem(path, "names several types, and nodes are brought", hint, reason="NotAllowed")
    elif len(names) > 1 and (twice or "" in names or any(map(is_auto, names))):
        hint = f"write each once, separated by commas, the preferred first; or {AUTO} alone"
        yield Problem(path, f"{written!r} is no list of instance types", hint, reason="Unworkable")


def _known_type(inputs: CheckInput, name: str) -> Iterator[Problem]:
    path = "resource.instanceType"
    machine = inputs.catalogue.find_instance_type(name)
    if machine is not None:
        yield from _retired(path, machine)
        return
    if placeholders_in(name):
        yield unfilled(path, name)
        return
    if inputs.catalogue.cloud == "azure" and has_prefix(name, AZURE_PREFIXES):
        # The type is the value of a label of each node.
        if wrong := label_value_problem(name):
            hint = did_you_mean(name, _offered(inputs), LIST_TYPES)
            yield Problem(path, f"instance type {name!r} {wrong}", hint, reason="Unworkable")
            return
        message = f"{name!r} is in no table of instance types: what fits on it cannot be judged"
        hint = _of_another_cloud(inputs, name) or did_you_mean(name, _offered(inputs), LIST_TYPES)
        if has_prefix(name, AZURE_WITHOUT_GPUS):
            message = f"{name!r} is of a series of Azure without GPUs: no runtime for GPUs starts there"
            hint = f"types with GPUs begin with Standard_N; `{LIST_TYPES}` lists all"
        yield Problem(path, message, hint, severity="warning", reason="UnknownFigures")
        return
    message = f"unknown instance type {name!r} on {inputs.catalogue.cloud}"
    if hint := _of_another_cloud(inputs, name):
        yield Problem(path, message, hint, reason="UnknownInstanceType")
        return
    # KAITO looks at the type of inference Workspaces only, so that a wrong type fails when it is bought.
    reason = "UnknownInstanceType" if inputs.written.tuning is None else "Unworkable"
    severity: Severity = "warning" if inputs.brings_nodes else "error"
    yield Problem(path, message, did_you_mean(name, _offered(inputs), LIST_TYPES), severity=severity, reason=reason)


def _of_another_cloud(inputs: CheckInput, name: str) -> str:
    """Return where the settings name the cloud that has the type; empty where none has."""
    other = inputs.catalogue.cloud_of(name)
    if other is None:
        return ""
    return f"it is a type of {other}: put `cloud: {other}` into the settings, or set LLMWRIGHT_CLOUD={other}"


def _offered(inputs: CheckInput) -> list[str]:
    """Return the types that a hint may offer: none that its cloud gives to nobody any more."""
    find = inputs.catalogue.find_instance_type
    names = inputs.catalogue.instance_type_names()
    return [name for name in names if (machine := find(name)) is None or not machine.retired]


def _retired(path: str, machine: InstanceType) -> Iterator[Problem]:
    if machine.retired:
        hint = f"its successor is {machine.successor}" if machine.successor else ""
        yield Problem(path, machine.retirement, hint, severity="warning", reason="Retired")


def check_memory(inputs: CheckInput) -> Iterator[Problem]:
    """The weights fit into the memory of all GPUs together, where upstream asks for that at admission.

    KAITO asks in v1alpha1 always, and in v1beta1 unless nodes are bought for an engine that it sizes later.
    """
    if not inputs.on_cluster or inputs.own_nodes_only:
        return
    sized_later = inputs.able is None or inputs.able.multi_node
    if inputs.machine is not None and (inputs.v1alpha1 or not sized_later):
        yield from fit_problems(inputs, inputs.machine, inputs.count)


def fit_problems(inputs: CheckInput, machine: InstanceType, count: int) -> Iterator[Problem]:
    """The preset's weights fit on ``count`` of ``machine``."""
    preset = inputs.inference_preset
    if preset is None or not preset.weight_bytes:
        return
    per_node = machine.gpus * machine.gpu_memory_bytes
    needed, path = preset.weight_bytes, "resource.instanceType"
    if per_node * count < needed:
        there = f"{count} x {machine.name} has {format_bytes(per_node * count)} of GPU memory"
        message = f"{there}, the weights of {preset.name} alone take {format_bytes(needed)}"
        yield Problem(
            path,
            message,
            f"`llmwright presets show {preset.name}` says what fits",
            severity="warning" if inputs.bypass else "error",
            reason="InsufficientMemory",
        )
    alone = inputs.able is not None and not inputs.able.multi_node
    if preset.distributable and needed > per_node and alone:
        instead = inputs.instead(lambda able: able.multi_node, machine)
        message = f"{preset.name} does not fit on one node, and {inputs.runtime_name} serves from one node only"
        hint = ", or ".join(("take a larger type", *instead))
        yield Problem(path, message, hint, reason="NotSupported")
