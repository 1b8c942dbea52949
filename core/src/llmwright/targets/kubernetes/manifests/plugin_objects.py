"""Objects that a runtime adds to those of the core, or puts in their place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmwright.errors import PluginContract
from llmwright.plugins.drivers import Names, Runtime
from llmwright.targets.kubernetes.manifests.object_metadata import (
    NODES,
    ROLE,
    Identity,
    adopted,
    identity,
    role_of,
    with_annotations,
    workload_annotations,
)
from llmwright.targets.kubernetes.manifests.render_input import Manifest, Manifests, RenderInput
from llmwright.values.launch import Launch
from llmwright.values.nodes import Watch


def with_runtime_objects(source: RenderInput, launch: Launch, nodes: int, core: Manifests) -> Manifests:
    """Return ``core`` together with the runtime's objects.

    An object of the runtime with the kind and name of a core object replaces it. All others stand before the server.

    Args:
        core: the core's objects, the server last.

    Raises:
        PluginContract: the runtime failed, or does not return the object that it declares to serve as.
    """
    runtime = source.runtime
    if runtime is None:
        return core
    *others, server = core
    names = Names(source.name, source.namespace, nodes=nodes, pod=whole_pod(server))
    added = {identity(manifest): manifest for manifest in _runtime_objects(source, runtime, launch, names)}
    serving = _serving_identity(source, runtime.serves_as, added, identity(server))
    services = [added.pop(identity(manifest), manifest) for manifest in others]
    chosen = added.pop(serving, server)
    of_its_kind = {ROLE: "serving", NODES: str(nodes)} if runtime.serves_as else {}
    annotations = workload_annotations(source, launch.digest) | of_its_kind
    return (
        *services,
        *(with_annotations(manifest, {ROLE: "serving"}) for manifest in added.values()),
        server if chosen is server else with_annotations(chosen, annotations),
    )


def whole_pod(server: Mapping[str, Any]) -> Manifest:
    """Return the pod template of a StatefulSet with its claims as volumes that come and go with the pod."""
    pod: Manifest = server["spec"]["template"]
    claims = [
        {
            "name": claim["metadata"]["name"],
            "ephemeral": {
                "volumeClaimTemplate": {"metadata": {"labels": claim["metadata"]["labels"]}, "spec": claim["spec"]}
            },
        }
        for claim in server["spec"].get("volumeClaimTemplates", ())
    ]
    if not claims:
        return pod
    return {**pod, "spec": {**pod["spec"], "volumes": [*pod["spec"].get("volumes", ()), *claims]}}


def _runtime_objects(source: RenderInput, runtime: Runtime, launch: Launch, names: Names) -> Manifests:
    origin = f"the runtime {type(runtime).__name__}"
    try:
        manifests = tuple(runtime.objects(launch, names))
    except Exception as error:  # a plugin's code may raise anything
        raise PluginContract(f"{origin} failed in objects: {type(error).__name__}: {error}") from error
    return tuple(adopted(source, manifest, f"{origin}, asked for objects,") for manifest in manifests)


def _serving_identity(
    source: RenderInput, serves_as: Watch | None, added: Mapping[Identity, Manifest], server: Identity
) -> Identity:
    """Return which object serves: the runtime's where it declares a kind for that, else the core's ``server``."""
    if serves_as is None:
        return server
    version = f"{serves_as.group}/{serves_as.version}" if serves_as.group else serves_as.version
    for candidate in added:
        if candidate[0] == version and candidate[2] == source.name and role_of(added[candidate]) is None:
            return candidate
    raise PluginContract(
        f"the runtime serves as {serves_as.plural}.{serves_as.group} and brings no object of {version} named "
        f"{source.name}",
        hint="let its objects hold one under the Workspace's name",
    )
