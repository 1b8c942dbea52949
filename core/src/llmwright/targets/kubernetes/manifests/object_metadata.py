"""Metadata of objects: labels, annotations and the owner, and how an object is recognised by them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.versions import API_VERSIONS, V1BETA1
from llmwright.api.workspace import Workspace
from llmwright.errors import PluginContract
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput

WORKSPACE_LABEL = "kaito.sh/workspace"
ROLE_LABEL = "kaito.sh/inference-role"
INHERITED = ("inferenceset.kaito.sh/created-by", "multiroleinference.kaito.sh/created-by", ROLE_LABEL)
"""Labels of a Workspace that its pods carry too."""

REVISION = "workspace.kaito.io/revision"
LAUNCH = "llmwright.io/launch"
INPUTS = "llmwright.io/inputs"
"""Annotations of a workload: the digest of its Launch, and the digest of what its Plan was made from."""

NODES = "llmwright.io/nodes"
"""Annotation of a server of a runtime's own kind: for how many machines it was rendered."""

ROLE = "llmwright.io/role"
"""Annotation of an object that the core does not know: the role that it was rendered for, and is deleted with."""

Identity = tuple[str, str, str]
"""apiVersion, kind and name."""


def metadata(source: RenderInput, name: str, annotations: Mapping[str, str] | None = None) -> Manifest:
    """Return name, namespace, owner, and the label by which all our objects are found."""
    result: Manifest = {
        "name": name,
        "namespace": source.namespace,
        "labels": {WORKSPACE_LABEL: source.name},
    }
    if annotations:
        result["annotations"] = dict(annotations)
    owners = _owner_references(source.workspace)
    return {**result, "ownerReferences": owners} if owners else result


def pod_labels(source: RenderInput) -> dict[str, str]:
    """Return the labels of pods, which are also the selector of their workload."""
    labels = source.workspace.metadata.labels
    inherited = {key: labels[key] for key in INHERITED if labels.get(key)}
    return {WORKSPACE_LABEL: source.name, **inherited}


def workload_annotations(source: RenderInput, launch_digest: str) -> dict[str, str]:
    """Return the annotations by which a later pass sees what a workload was rendered from."""
    annotations = {REVISION: str(source.revision), LAUNCH: launch_digest}
    return {**annotations, INPUTS: source.inputs} if source.inputs else annotations


def identity(manifest: Mapping[str, Any]) -> Identity:
    """Return apiVersion, kind and name."""
    return str(manifest["apiVersion"]), str(manifest["kind"]), str(manifest["metadata"]["name"])


def role_of(manifest: Mapping[str, Any]) -> str | None:
    """Return the role that an object was rendered for; None for the core's own objects."""
    role = (manifest["metadata"].get("annotations") or {}).get(ROLE)
    return None if role is None else str(role)


def with_annotations(manifest: Mapping[str, Any], more: Mapping[str, str]) -> Manifest:
    """Return ``manifest`` with further annotations."""
    about = manifest["metadata"]
    return {**manifest, "metadata": {**about, "annotations": {**(about.get("annotations") or {}), **more}}}


def adopted(source: RenderInput, manifest: Mapping[str, Any], origin: str) -> Manifest:
    """Return a plugin's object with the Workspace's namespace, label and owner, whatever the plugin wrote there.

    Args:
        origin: the plugin, as errors name it.

    Raises:
        PluginContract: it is no Kubernetes object, or it is a Workspace.
    """
    about = manifest.get("metadata")
    if not (manifest.get("apiVersion") and manifest.get("kind") and isinstance(about, Mapping) and about.get("name")):
        hint = "an object has apiVersion, kind and metadata.name"
        raise PluginContract(f"{origin} answered with what is no Kubernetes object", hint=hint)
    if manifest["apiVersion"] in API_VERSIONS:
        hint = "what it adds belongs to a Workspace, and is none"
        raise PluginContract(f"{origin} added a {manifest['kind']} ({manifest['apiVersion']})", hint=hint)
    own = metadata(source, str(about["name"]))
    labels = {**(about.get("labels") or {}), **own["labels"]}
    return {**manifest, "metadata": {**about, **own, "labels": labels}}


def _owner_references(workspace: Workspace) -> list[Manifest]:
    """Return the Workspace as owner; none before the API server has given it a uid."""
    if workspace.metadata.uid is None:
        return []
    owner = {"apiVersion": V1BETA1, "kind": "Workspace", "name": workspace.name, "uid": workspace.metadata.uid}
    return [{**owner, "controller": True, "blockOwnerDeletion": True}]
