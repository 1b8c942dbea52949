"""Whether Karpenter could make machines here: its kinds, and the node class that would be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from llmwright.values.nodes import Finding
from llmwright.values.same_place import SamePlace
from llmwright_provisioner_karpenter.client import KarpenterClient
from llmwright_provisioner_karpenter.config import NodeClass, NodeOptions
from llmwright_provisioner_karpenter.node_names import CLAIMS, GROUP, POOLS, VERSION

INSTALL = "install Karpenter (on AKS turn on node auto-provisioning), or choose another provisioner"
NAME_CLASS = "name one in plugins.provisioner.karpenter.nodeClassRef of the settings"


def findings(client: KarpenterClient, options: NodeOptions, place: SamePlace) -> Iterator[Finding]:
    """Yield whether the kinds of the mode are served, and whether the node class is there and ready.

    ``place`` is how the cluster was reached, for the commands that are proposed.

    Raises:
        TargetError: the API server did not answer.
    """
    served = client.kinds(f"{GROUP}/{VERSION}")
    needed = {CLAIMS, POOLS} if options.mode == "nodepool" else {CLAIMS}
    lacking = sorted(f"{plural}.{GROUP}" for plural in needed - {entry["name"] for entry in served})
    if lacking:
        message = f"the cluster does not serve {' and '.join(lacking)}"
        yield Finding(about="Karpenter", state="problem", message=message, hint=INSTALL, kind="invalid")
        return
    yield Finding(about="Karpenter", state="ok", message=f"the cluster serves what the mode {options.mode} needs")
    yield _node_class(client, options.node_class, options, place)


def _node_class(client: KarpenterClient, wanted: NodeClass | None, options: NodeOptions, place: SamePlace) -> Finding:
    about = "node class"
    if wanted is None:
        message = f"there is no default for the cloud {options.cloud!r}"
        return Finding(about=about, state="problem", message=message, hint=NAME_CLASS, kind="invalid")
    name = f"{wanted.kind}/{wanted.name} ({wanted.group})"
    version = client.preferred_version(wanted.group)
    kinds = client.kinds(version) if version else []
    plural = next(
        (str(entry["name"]) for entry in kinds if entry["kind"] == wanted.kind and "/" not in entry["name"]), ""
    )
    if not plural:
        message = f"the cluster does not serve {wanted.kind} of {wanted.group}"
        hint = (
            f"it is gpu-provisioner's; for any other Karpenter {NAME_CLASS}" if options.gpu_provisioner else NAME_CLASS
        )
        return Finding(about=about, state="problem", message=message, hint=hint, kind="invalid")
    live = client.find(f"/apis/{version}/{plural}/{wanted.name}")
    if live is None:
        message = f"there is no {name}"
        get = place.kubectl(f"get {plural}.{wanted.group}")
        hint = f"`{get}` lists those that are; {NAME_CLASS}"
        return Finding(about=about, state="problem", message=message, hint=hint, kind="invalid")
    ready: Mapping[str, Any] = next(
        (each for each in (live.get("status") or {}).get("conditions") or () if each["type"] == "Ready"), {}
    )
    if ready.get("status") == "False":
        message = f"{name} is not ready: {ready.get('reason', '')}: {ready.get('message', '')}"
        hint = f"`{place.kubectl(f'describe {plural}.{wanted.group} {wanted.name}')}`"
        return Finding(about=about, state="problem", message=message, hint=hint, kind="invalid")
    return Finding(about=about, state="ok", message=f"{name} is there")
