"""Fields that may not change once a Workspace exists."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.api.versions import with_defaults
from llmwright.api.workspace import LabelSelector, Resource, Tuning, Workspace
from llmwright.check.check_input import CheckInput
from llmwright.check.identity import MODEL_STREAMING, annotation_path
from llmwright.check.sources import image_problems, url_problems
from llmwright.errors import Problem

NEW_ONE = "delete the Workspace and make a new one"


def _fixed(path: str, message: str = "cannot be changed") -> Problem:
    return Problem(path, message, NEW_ONE, reason="Immutable")


def check_purpose_kept(inputs: CheckInput) -> Iterator[Problem]:
    """Tuning does not become serving, nor the other way."""
    old, new = _pair(inputs)
    for name in ("inference", "tuning"):
        if (getattr(old, name) is None) != (getattr(new, name) is None):
            yield _fixed(name, "cannot be toggled: neither added nor removed")


def check_resource_kept(inputs: CheckInput) -> Iterator[Problem]:
    """Count, partition, instance type, labels and provisioner stay."""
    old, new = _pair(inputs)
    before = (with_defaults(old) if inputs.on_cluster else old).resource
    after = new.resource
    if before.count is not None and after.count is not None and before.count != after.count:
        yield _fixed("resource.count")
    if before.partition != after.partition:
        yield _fixed("resource.partition")
    yield from _instance_type_kept(inputs, before.instance_type, after.instance_type)
    yield from _labels_kept(before.label_selector, after.label_selector)
    yield from _provisioner_kept(inputs, before, after)


def _instance_type_kept(inputs: CheckInput, before: str, after: str) -> Iterator[Problem]:
    path = "resource.instanceType"
    if inputs.v1alpha1:
        if before != after:
            yield _fixed(path)
    elif inputs.own_nodes_only:
        if after and not before:
            yield Problem(path, "must stay out: nodes are found by their labels", "remove it", reason="NotAllowed")
        elif after and after != before:
            yield _fixed(path)
    elif not after and not inputs.brings_nodes:
        if inputs.on_cluster:
            yield Problem(path, "is required where nodes are bought", f"it was {before!r}", reason="Required")
    elif before and before != after:
        yield _fixed(path)


def _labels_kept(before: LabelSelector | None, after: LabelSelector | None) -> Iterator[Problem]:
    old, new = as_labels(before), as_labels(after)
    if old is None or new is None:
        message = "can hold only matchLabels and expressions In with one value"
        yield Problem("resource.labelSelector", message, reason="NotSupported")
    elif old != new:
        yield _fixed("resource.labelSelector")


def as_labels(selector: LabelSelector | None) -> dict[str, str] | None:
    """Return the labels that a selector asks for; None where they cannot be written as one value each."""
    if selector is None:
        return {}
    labels = dict(selector.match_labels)
    for expression in selector.match_expressions:
        if expression.operator != "In" or len(expression.values) != 1:
            return None
        labels[expression.key] = expression.values[0]
    return labels


def _provisioner_kept(inputs: CheckInput, before: Resource, after: Resource) -> Iterator[Problem]:
    if not inputs.begun:
        return
    kept = inputs.recorded_provisioner or before.provisioner or inputs.default_provisioner
    default = inputs.recorded_provisioner or inputs.default_provisioner
    if kept != (after.provisioner or default):
        yield _fixed("resource.provisioner")
    old, new = before.provisioner_config, after.provisioner_config
    mutable = inputs.provisioner.mutable_options if inputs.provisioner is not None else frozenset()
    for key in sorted(old.keys() | new.keys()):
        if old.get(key) != new.get(key) and key not in mutable:
            yield _fixed(f"resource.provisionerConfig.{key}")


def check_inference_kept(inputs: CheckInput) -> Iterator[Problem]:
    """The preset stays; a template may change, not come or go."""
    old, new = _pair(inputs)
    if old.inference is None or new.inference is None:
        return
    if old.inference.preset != new.inference.preset:
        yield _fixed("inference.preset")
    if (old.inference.template is None) != (new.inference.template is None):
        yield _fixed("inference.template", "cannot be added or removed")


def check_tuning_kept(inputs: CheckInput) -> Iterator[Problem]:
    """Preset, method, its options and the data set's name stay; where data comes from and goes to may change."""
    old, new = _pair(inputs)
    if old.tuning is None or new.tuning is None:
        return
    if old.tuning.preset != new.tuning.preset:
        yield _fixed("tuning.preset")
    if old.tuning.method.lower() != new.tuning.method.lower():
        yield _fixed("tuning.method")
    if inputs.begun and old.tuning.method_config != new.tuning.method_config:
        yield _fixed("tuning.methodConfig")
    yield from _data_kept(inputs, old.tuning, new.tuning)


def _data_kept(inputs: CheckInput, old: Tuning, new: Tuning) -> Iterator[Problem]:
    if new.input is None:
        yield Problem("tuning.input", "is required", reason="Required")
    else:
        if old.input is None:
            yield _fixed("tuning.input", "cannot be added")
        elif old.input.name != new.input.name:
            yield _fixed("tuning.input.name")
        yield from image_problems(inputs, "tuning.input.image", new.input.image)
        if old.input is None or sorted(old.input.urls) != sorted(new.input.urls):
            yield from url_problems(inputs, "tuning.input", new.input)
    if new.output is not None:
        yield from image_problems(inputs, "tuning.output.image", new.output.image)
    elif inputs.on_cluster:
        yield Problem("tuning.output", "is required", reason="Required")


def check_annotations_kept(inputs: CheckInput) -> Iterator[Problem]:
    """Annotations that the provisioner reads for its nodes change nothing once it was asked. KAITO takes them."""
    old, new = _pair(inputs)
    if not inputs.begun or inputs.provisioner is None:
        return
    for name in sorted(inputs.provisioner.fixed_annotations):
        if old.metadata.annotations.get(name) != new.metadata.annotations.get(name):
            message = "is read when nodes are asked for: those that are there stay as they are"
            yield Problem(annotation_path(name), message, NEW_ONE, severity="warning", reason="Immutable")


def check_streaming_kept(inputs: CheckInput) -> Iterator[Problem]:
    """Whether weights are streamed stays (behind KAITO's gate)."""
    old, new = _pair(inputs)
    before, after = (workspace.metadata.annotations.get(MODEL_STREAMING) for workspace in (old, new))
    if inputs.cluster.gates.model_streaming and before != after:
        yield _fixed(annotation_path(MODEL_STREAMING))


def _pair(inputs: CheckInput) -> tuple[Workspace, Workspace]:
    assert inputs.old is not None, "rules of an update run on updates only"
    return inputs.old, inputs.workspace
