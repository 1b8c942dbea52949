"""``inference.template``: a pod that the API server takes in a StatefulSet, before a node is bought for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llmwright.api.pod_schema import form_problems
from llmwright.check.check_input import CheckInput
from llmwright.check.container import container_problems
from llmwright.check.kubernetes_names import (
    MOST_ANNOTATIONS,
    annotation_bytes,
    label_key_problem,
    label_value_problem,
    subdomain_problem,
)
from llmwright.check.volume_source import pod_volume_problems
from llmwright.errors import Problem
from llmwright.reading.yaml_paths import render_path

PATH = "inference.template"
UNSET = frozenset({"affinity"})
"""Fields of a pod's spec that are not taken over: LLMwright sets its own."""

NAMES = ("nodeName", "priorityClassName", "runtimeClassName", "serviceAccountName")
"""Names of other objects, all of them RFC 1123 subdomains."""


def check_pod_template(inputs: CheckInput) -> Iterator[Problem]:
    """The API server would take the pods of the template."""
    template = inputs.written.template
    if template is None or not inputs.on_cluster:
        return
    spec = template.get("spec")
    read = {key: value for key, value in spec.items() if key not in UNSET} if isinstance(spec, Mapping) else spec
    form = [*form_problems("PodTemplateSpec", {**template, "spec": read}, PATH)]
    if form:
        yield from form
        return
    yield from _metadata(template.get("metadata") or {})
    yield from _spec(read or {})


def _metadata(metadata: Mapping[str, Any]) -> Iterator[Problem]:
    for key, value in (metadata.get("labels") or {}).items():
        path = render_path(("inference", "template", "metadata", "labels", key))
        if wrong := label_key_problem(key) or label_value_problem(value or ""):
            yield _wrong(path, f"{key!r} or its value {value!r} {wrong}")
    annotations = metadata.get("annotations") or {}
    for key in annotations:
        if wrong := label_key_problem(key.lower()):
            yield _wrong(render_path(("inference", "template", "metadata", "annotations", key)), f"{key!r} {wrong}")
    if (size := annotation_bytes(annotations)) > MOST_ANNOTATIONS:
        message = f"{size} bytes of annotations, and an object has at most {MOST_ANNOTATIONS}"
        yield _wrong(f"{PATH}.metadata.annotations", message, "put the text into a ConfigMap")


def _spec(spec: Mapping[str, Any]) -> Iterator[Problem]:
    path = f"{PATH}.spec"
    if not spec.get("containers"):
        yield _wrong(f"{path}.containers", "at least one container is required", "containers: [{name: …, image: …}]")
    volumes = spec.get("volumes") or []
    yield from pod_volume_problems(f"{path}.volumes", volumes)
    known = frozenset(str(volume["name"]) for volume in volumes)
    names: set[str] = set()
    for part in ("initContainers", "containers"):
        for index, container in enumerate(spec.get(part) or []):
            yield from container_problems(f"{path}.{part}[{index}]", container, known)
            if container["name"] in names:
                yield _wrong(f"{path}.{part}[{index}].name", f"{container['name']!r} is the name of another container")
            names.add(container["name"])
    yield from _of_the_pod(path, spec)
    yield from _tolerations(f"{path}.tolerations", spec.get("tolerations") or [])


def _of_the_pod(path: str, spec: Mapping[str, Any]) -> Iterator[Problem]:
    for field in NAMES:
        if spec.get(field) and (wrong := subdomain_problem(spec[field])):
            yield _wrong(f"{path}.{field}", f"{spec[field]!r} {wrong}")
    if spec.get("restartPolicy") not in (None, "", "Always"):
        yield _wrong(f"{path}.restartPolicy", "a server's pods are always started again", "write Always")
    if spec.get("activeDeadlineSeconds") is not None:
        yield _wrong(f"{path}.activeDeadlineSeconds", "a server has no deadline", "remove it")
    if spec.get("dnsPolicy") == "None" and not (spec.get("dnsConfig") or {}).get("nameservers"):
        yield _wrong(f"{path}.dnsConfig.nameservers", "is required with dnsPolicy None")
    for key, value in (spec.get("nodeSelector") or {}).items():
        if wrong := label_key_problem(key) or label_value_problem(value or ""):
            yield _wrong(f"{path}.nodeSelector", f"the label {key!r}: {value!r} {wrong}")


def _tolerations(path: str, tolerations: Sequence[Mapping[str, Any]]) -> Iterator[Problem]:
    for index, toleration in enumerate(tolerations):
        place, key, exists = f"{path}[{index}]", toleration.get("key"), toleration.get("operator") == "Exists"
        if key and (wrong := label_key_problem(key)):
            yield _wrong(f"{place}.key", f"{key!r} {wrong}")
        if not key and not exists:
            yield _wrong(f"{place}.operator", "without a key it must be Exists")
        value = toleration.get("value")
        if value and exists:
            yield _wrong(f"{place}.value", "operator Exists takes no value")
        elif value and (wrong := label_value_problem(value)):
            yield _wrong(f"{place}.value", f"{value!r} {wrong}")
        if toleration.get("tolerationSeconds") is not None and toleration.get("effect") != "NoExecute":
            yield _wrong(f"{place}.effect", "tolerationSeconds wants effect NoExecute")


def _wrong(path: str, message: str, hint: str = "") -> Problem:
    return Problem(path, message, hint, reason="Unworkable")
