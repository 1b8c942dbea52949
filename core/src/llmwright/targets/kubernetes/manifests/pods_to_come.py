"""The pods that objects will make, as an API server can be asked about them before it has any of the objects."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmwright.targets.kubernetes.manifests.plugin_objects import whole_pod
from llmwright.targets.kubernetes.manifests.render_input import Manifest, Manifests

SUFFIX = "-to-come"
"""The end of the name that such a pod is asked about by: no pod that is there has it."""


def pods_to_come(objects: Manifests) -> tuple[Manifest, ...]:
    """Return one pod of each kind that ``objects`` make, with the claims of a StatefulSet as volumes of the pod."""
    found = [_pod(manifest["metadata"], template) for manifest in objects for template in _templates(manifest)]
    return tuple(pod for index, pod in enumerate(found) if pod not in found[:index])


def _pod(owner: Mapping[str, Any], template: Mapping[str, Any]) -> Manifest:
    about = {"name": f"{owner['name']}{SUFFIX}", "namespace": owner["namespace"]}
    return {**template, "apiVersion": "v1", "kind": "Pod", "metadata": {**template.get("metadata", {}), **about}}


def _templates(manifest: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if manifest["kind"] == "StatefulSet":
        yield whole_pod(manifest)
    else:
        yield from _within(manifest.get("spec"))


def _within(value: Any) -> Iterator[Mapping[str, Any]]:
    """Yield what has the form of a pod template, wherever an object of another kind has it."""
    if isinstance(value, Mapping):
        spec = value.get("spec")
        if isinstance(spec, Mapping) and isinstance(spec.get("containers"), Iterable):
            yield value
            return
        for part in value.values():
            yield from _within(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _within(part)
