"""The same YAML on one machine: what is not used there, and what cannot be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.check.check_input import CheckInput
from llmwright.errors import Problem
from llmwright.plugins.selection import serves_one_machine

HOST_PATH = "hostPath"


def check_unused(inputs: CheckInput) -> Iterator[Problem]:
    """Fields about nodes are kept and not used: the model runs on this machine."""
    if inputs.on_cluster:
        return
    resource = inputs.written.resource
    unused = {
        "resource.instanceType": resource.instance_type,
        "resource.count": resource.count not in (None, 1) and str(resource.count),
        "resource.labelSelector": resource.label_selector is not None and "written",
        "resource.preferredNodes": resource.preferred_nodes and "written",
        "resource.partition": resource.partition is not None and "written",
    }
    if resource.provisioner and not serves_one_machine(resource.provisioner, inputs.drivers.installed):
        unused["resource.provisioner"] = resource.provisioner
    for path, value in unused.items():
        if value:
            yield Problem(path, "is not used on this machine", severity="warning", reason="NotUsed")


def check_local_parts(inputs: CheckInput) -> Iterator[Problem]:
    """Pod templates and volumes of a cluster cannot be had on one machine; a hostPath is a directory."""
    if inputs.on_cluster:
        return
    inference = inputs.written.inference
    if inference is not None and inference.template is not None:
        hint = "use a preset, or --target kubernetes"
        yield Problem("inference.template", "a pod template needs a cluster", hint, reason="NotSupported")
    for path, volume in _volumes(inputs):
        yield from _volume_problems(path, volume)


def _volumes(inputs: CheckInput) -> Iterator[tuple[str, Mapping[str, Any]]]:
    tuning, inference = inputs.written.tuning, inputs.written.inference
    if tuning and tuning.input and tuning.input.volume_source is not None:
        yield "tuning.input.volumeSource", tuning.input.volume_source
    if tuning and tuning.output and tuning.output.volume_source is not None:
        yield "tuning.output.volumeSource", tuning.output.volume_source
    for index, adapter in enumerate(inference.adapters if inference else ()):
        if adapter.source and adapter.source.volume_source is not None:
            yield f"inference.adapters[{index}].source.volumeSource", adapter.source.volume_source


def _volume_problems(path: str, volume: Mapping[str, Any]) -> Iterator[Problem]:
    hint = "volumeSource: {hostPath: {path: /some/directory}}"
    for kind in volume:
        if kind != HOST_PATH:
            message = "this kind of volume needs a cluster; here a volume is a directory"
            yield Problem(f"{path}.{kind}", message, hint, reason="NotSupported")
    if not volume:
        yield Problem(path, "names no volume", hint, reason="Required")
    host = volume.get(HOST_PATH)
    directory = host.get("path") if isinstance(host, Mapping) else None
    if HOST_PATH in volume and not (isinstance(directory, str) and directory):
        yield Problem(f"{path}.{HOST_PATH}.path", "is required", hint, reason="Required")
