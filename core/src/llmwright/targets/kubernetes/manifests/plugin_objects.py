"""Objects of any kind that are not the core's own: a runtime's, and what plugins add at their last look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.api.versions import API_VERSIONS
from llmwright.errors import PluginContract
from llmwright.plugins.drivers import Names, Runtime
from llmwright.targets.kubernetes.manifests.object_metadata import metadata, workload_annotations
from llmwright.targets.kubernetes.manifests.render_input import Manifest, RenderInput
from llmwright.values.launch import Launch
from llmwright.values.nodes import Watch

ROLE = "llmwright.io/role"
"""Annotation of what is not the core's own: the role that it was rendered with, and goes with."""

Identity = tuple[str, str, str]


def identity(found: Mapping[str, Any]) -> Identity:
    """apiVersion, kind and name."""
    return str(found["apiVersion"]), str(found["kind"]), str(found["metadata"]["name"])


def role_of(found: Mapping[str, Any]) -> str | None:
    """The role that an object goes with, None for the core's own."""
    role = (found["metadata"].get("annotations") or {}).get(ROLE)
    return None if role is None else str(role)


def owned(rendering: RenderInput, found: Mapping[str, Any], origin: str) -> Manifest:
    """``found`` with the Workspace's namespace, label and owner, whatever ``origin`` wrote there.

    Raises:
        PluginContract: it is no Kubernetes object, or a Workspace.
    """
    about = found.get("metadata")
    if not (found.get("apiVersion") and found.get("kind") and isinstance(about, Mapping) and about.get("name")):
        hint = "an object has apiVersion, kind and metadata.name"
        raise PluginContract(f"{origin} answered with what is no Kubernetes object", hint=hint)
    if found["apiVersion"] in API_VERSIONS:
        hint = "what it adds belongs to a Workspace, and is none"
        raise PluginContract(f"{origin} added a {found['kind']} ({found['apiVersion']})", hint=hint)
    own = metadata(rendering, str(about["name"]))
    labels = {**(about.get("labels") or {}), **own["labels"]}
    return {**found, "metadata": {**about, **own, "labels": labels}}


def annotated(found: Mapping[str, Any], more: Mapping[str, str]) -> Manifest:
    """``found`` with further annotations."""
    about = found["metadata"]
    return {**found, "metadata": {**about, "annotations": {**(about.get("annotations") or {}), **more}}}


def with_brought(
    rendering: RenderInput, launch: Launch, nodes: int, core: tuple[Manifest, ...]
) -> tuple[Manifest, ...]:
    """``core``, of which the server is last, with the runtime's objects ahead of the server or in a core's place.

    Raises:
        PluginContract: the runtime failed, or brings no such objects as it says.
    """
    runtime = rendering.runtime
    if runtime is None:
        return core
    *others, server = core
    names = Names(rendering.name, rendering.namespace, nodes=nodes, pod=server["spec"]["template"])
    brought = {identity(one): one for one in _objects(rendering, runtime, launch, names)}
    first = _first(rendering, runtime.serves_as, brought, identity(server))
    services = [brought.pop(identity(one), one) for one in others]
    chosen = brought.pop(first, server)
    known = workload_annotations(rendering, launch.digest) | ({ROLE: "serving"} if runtime.serves_as else {})
    return (
        *services,
        *(annotated(one, {ROLE: "serving"}) for one in brought.values()),
        server if chosen is server else annotated(chosen, known),
    )


def _objects(rendering: RenderInput, runtime: Runtime, launch: Launch, names: Names) -> tuple[Manifest, ...]:
    origin = f"the runtime {type(runtime).__name__}"
    try:
        found = tuple(runtime.objects(launch, names))
    except Exception as error:  # a stranger's code
        raise PluginContract(f"{origin} failed in objects: {type(error).__name__}: {error}") from error
    return tuple(owned(rendering, one, f"{origin}, asked for objects,") for one in found)


def _first(
    rendering: RenderInput, serves_as: Watch | None, brought: Mapping[Identity, Manifest], server: Identity
) -> Identity:
    """Which of ``brought`` serves; that of the core where the runtime says nothing."""
    if serves_as is None:
        return server
    version = f"{serves_as.group}/{serves_as.version}" if serves_as.group else serves_as.version
    for found in brought:
        if found[0] == version and found[2] == rendering.name and role_of(brought[found]) is None:
            return found
    raise PluginContract(
        f"the runtime serves as {serves_as.plural}.{serves_as.group} and brings no object of {version} named "
        f"{rendering.name}",
        hint="let its objects hold one under the Workspace's name",
    )
