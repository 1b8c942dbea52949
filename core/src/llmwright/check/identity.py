"""The Workspace as a whole: its name, its annotations, and that it asks for one thing."""

from __future__ import annotations

from collections.abc import Iterator

from llmwright.check.check_input import CheckInput
from llmwright.check.kubernetes_names import as_label, label_problem, subdomain_problem
from llmwright.check.placeholders import placeholders_in, unfilled
from llmwright.errors import Problem, did_you_mean, meant, nearest
from llmwright.plugins.selection import RUNTIME_ANNOTATION, annotation_names, annotation_values
from llmwright.reading.yaml_paths import render_path

NODE_IMAGE_FAMILY = "kaito.sh/node-image-family"
NODE_CLASS = "kaito.sh/node-class-name"
PERFORMANCE_MODE = "kaito.sh/performance-mode"
LOCAL_WEIGHTS = "kaito.sh/use-local-weights"
MODEL_STREAMING = "kaito.sh/model-streaming"

GROUP = "kaito.sh/"
ANNOTATIONS = (
    *(NODE_IMAGE_FAMILY, NODE_CLASS, PERFORMANCE_MODE, LOCAL_WEIGHTS, MODEL_STREAMING, RUNTIME_ANNOTATION),
    *("kaito.sh/bypass-resource-checks", "kaito.sh/disable-benchmark", "kaito.sh/enablelb"),
    *("kaito.sh/created-by", "kaito.sh/creation-timestamp", "kaito.sh/inference-role", "kaito.sh/workspace-name"),
)
"""Annotations that KAITO v0.12 reads or writes, and its other kinds give to their Workspaces."""

IMAGE_FAMILIES = ("azurelinux", "ubuntu")
PERFORMANCE_MODES = ("balanced", "interactivity", "throughput")
STREAMING_DRIVERS = {"azure": "blob.csi.azure.com"}


def annotation_path(key: str) -> str:
    """The YAML path of an annotation."""
    return render_path(("metadata", "annotations", key))


def check_name(inputs: CheckInput) -> Iterator[Problem]:
    """Names of the Workspace and its namespace are RFC 1123 labels: Services and Jobs are called after them."""
    metadata = inputs.written.metadata
    for path, name in (("metadata.name", metadata.name), ("metadata.namespace", metadata.namespace)):
        wrong = label_problem(name) if name is not None else ""
        if name == "" and path == "metadata.name":
            yield Problem(path, "is required", "generateName is for `kubectl create` alone", reason="BadName")
        elif name and placeholders_in(name):
            yield unfilled(path, name)
        elif wrong:
            near = as_label(name or "")
            yield Problem(path, f"{name!r} {wrong}", f"for example {near}" if near else "", reason="BadName")


def check_one_purpose(inputs: CheckInput) -> Iterator[Problem]:
    """There is exactly one of tuning and inference."""
    workspace = inputs.written
    if workspace.inference is None and workspace.tuning is None:
        hint = "`llmwright init serve` and `llmwright init tune` write an example"
        yield Problem("", "neither inference nor tuning is there", hint, reason="Required")
    if workspace.inference is not None and workspace.tuning is not None:
        hint = "keep one; a tuned model is served after tuning anyway (tuning.onSuccess: serve)"
        yield Problem("", "both inference and tuning are there", hint, reason="Conflict")


def check_image_family(inputs: CheckInput) -> Iterator[Problem]:
    """The annotation for the node's operating system has a known value."""
    value = inputs.annotations.get(NODE_IMAGE_FAMILY)
    if value is not None and value.strip().lower() not in IMAGE_FAMILIES:
        yield _not_one_of(NODE_IMAGE_FAMILY, value, IMAGE_FAMILIES)


def check_modes(inputs: CheckInput) -> Iterator[Problem]:
    """Annotations with a fixed set of values (v1beta1)."""
    if inputs.v1alpha1:
        return
    for key, allowed in ((PERFORMANCE_MODE, PERFORMANCE_MODES), (LOCAL_WEIGHTS, ("true", "false"))):
        value = inputs.annotations.get(key)
        if value is not None and value not in allowed:
            yield _not_one_of(key, value, allowed)


def check_node_class(inputs: CheckInput) -> Iterator[Problem]:
    """A provisioner with node classes gets one that the settings allow. An annotation that stays is left alone."""
    value, allowed = inputs.annotations.get(NODE_CLASS), inputs.policy.node_classes
    applies = inputs.provisioner is not None and inputs.provisioner.has_node_classes
    if not value or not applies:
        return
    if wrong := subdomain_problem(value):
        yield Problem(annotation_path(NODE_CLASS), f"the name of a node class {wrong}", reason="Unworkable")
        return
    if not allowed or value in allowed:
        return
    if inputs.old is None or inputs.old.metadata.annotations.get(NODE_CLASS) != value:
        yield _not_one_of(NODE_CLASS, value, allowed)


def check_runtime_annotation(inputs: CheckInput) -> Iterator[Problem]:
    """An unknown runtime in the annotation is KAITO's default, which is worth saying."""
    value = inputs.annotations.get(RUNTIME_ANNOTATION)
    known = annotation_values(inputs.drivers.installed)
    if value is None or value in known:
        return
    message = f"{value!r} is no runtime that this annotation knows; {inputs.runtime_name} is taken"
    hint = did_you_mean(value, known)
    yield Problem(annotation_path(RUNTIME_ANNOTATION), message, hint, severity="warning", reason="NotSupported")


def check_known_annotations(inputs: CheckInput) -> Iterator[Problem]:
    """An annotation of KAITO's group that nothing reads does nothing, which is worth saying."""
    of_drivers = [key for key in inputs.annotations if key.startswith(GROUP) and key not in ANNOTATIONS]
    if not of_drivers:
        # Asking the drivers imports every one that is installed, and a broken one may end the process.
        return
    known = {*ANNOTATIONS, *annotation_names(inputs.drivers.installed)}
    for key in of_drivers:
        if key not in known:
            near = nearest(key, known)
            hint = meant(near) if near is not None else f"known: {', '.join(sorted(known))}"
            path = annotation_path(key)
            yield Problem(path, "nothing reads this annotation", hint, severity="warning", reason="UnknownAnnotation")


def check_streaming(inputs: CheckInput) -> Iterator[Problem]:
    """Streaming weights needs the cloud's CSI driver (behind KAITO's gate)."""
    inference = inputs.written.inference
    on = inputs.cluster.gates.model_streaming and inputs.annotations.get(MODEL_STREAMING) != "disabled"
    streams = inputs.runtime is not None and "streamed-weights" in inputs.runtime.kaito_rules
    if not on or not streams or inference is None or inference.preset is None or inputs.v1alpha1:
        return
    cloud = inputs.catalogue.cloud
    driver = STREAMING_DRIVERS.get(cloud)
    hint = f"set the annotation {MODEL_STREAMING}: disabled"
    if driver is None:
        message = f"weights cannot be streamed on {cloud!r}"
        yield Problem("metadata.annotations", message, hint, reason="NotSupported")
    elif inputs.cluster.csi_drivers is not None and driver not in inputs.cluster.csi_drivers:
        message = f"streaming weights needs the CSI driver {driver}, which the cluster has not"
        yield Problem("metadata.annotations", message, hint, reason="NotFound")


def _not_one_of(key: str, value: str, allowed: tuple[str, ...]) -> Problem:
    message = f"{value!r} is not one of {', '.join(allowed)}"
    return Problem(annotation_path(key), message, did_you_mean(value, allowed), reason="NotSupported")
