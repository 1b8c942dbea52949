"""Metadata: whose an object is."""

from __future__ import annotations

from collections.abc import Mapping

from llmwright.api.versions import V1BETA1
from llmwright.api.workspace import Workspace
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput

WORKSPACE_LABEL = "kaito.sh/workspace"
ROLE_LABEL = "kaito.sh/inference-role"
INHERITED = ("inferenceset.kaito.sh/created-by", "multiroleinference.kaito.sh/created-by", ROLE_LABEL)
"""Labels of a Workspace that its pods carry too."""

REVISION = "workspace.kaito.io/revision"
LAUNCH = "llmwright.io/launch"
INPUTS = "llmwright.io/inputs"
"""Digests by which a workload is known again: of its Launch, and of what the user wrote."""


def metadata(rendering: RenderInput, name: str, annotations: Mapping[str, str] | None = None) -> Manifest:
    """Name, namespace, owner and the label that all our objects are found by."""
    found: Manifest = {
        "name": name,
        "namespace": rendering.namespace,
        "labels": {WORKSPACE_LABEL: rendering.name},
    }
    if annotations:
        found["annotations"] = dict(annotations)
    owners = _owners(rendering.workspace)
    return {**found, "ownerReferences": owners} if owners else found


def selector(rendering: RenderInput) -> dict[str, str]:
    """The labels of pods, and what selects them."""
    written = rendering.workspace.metadata.labels
    inherited = {key: written[key] for key in INHERITED if written.get(key)}
    return {WORKSPACE_LABEL: rendering.name, **inherited}


def workload_annotations(rendering: RenderInput, launch_digest: str) -> dict[str, str]:
    """What a workload is known again by."""
    found = {REVISION: str(rendering.revision), LAUNCH: launch_digest}
    return {**found, INPUTS: rendering.inputs} if rendering.inputs else found


def _owners(workspace: Workspace) -> list[Manifest]:
    """The Workspace; nobody before it has been created, for an owner is named by its uid."""
    if workspace.metadata.uid is None:
        return []
    owner = {"apiVersion": V1BETA1, "kind": "Workspace", "name": workspace.name, "uid": workspace.metadata.uid}
    return [{**owner, "controller": True, "blockOwnerDeletion": True}]
