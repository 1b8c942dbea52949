"""The images that pods of the settings start, as their registries answer for them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING, Any

from llmwright.app.images.needed import DEVICE_PLUGIN_ROLE, OPERATOR, all_images
from llmwright.app.images.presence import find_image
from llmwright.targets.kubernetes.cluster.api_errors import ApiError
from llmwright.targets.kubernetes.cluster.api_resources import NODES, PODS
from llmwright.targets.kubernetes.cluster.image_mounts import no_image_mounts
from llmwright.targets.kubernetes.cluster.listing import all_of
from llmwright.targets.kubernetes.commands.access import explained
from llmwright.values.nodes import Finding

if TYPE_CHECKING:
    from llmwright.app.session import Session
    from llmwright.artifacts.image_presence import Presence
    from llmwright.targets.kubernetes.cluster.api_client import Api

TRIAL: dict[str, Any] = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "llmwright-doctor"},
    "spec": {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [
            {
                "name": "trial",
                "image": "localhost/trial:1",
                "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                "volumeMounts": [{"name": "weights", "mountPath": "/weights", "readOnly": True}],
            }
        ],
        "volumes": [{"name": "weights", "image": {"reference": "localhost/trial:1"}}],
    },
}
"""A pod that is only asked about, and never made."""
ASK = "an administrator's doctor says more"
AT_ONCE = 8
LIST = "`llmwright images list` names all"


def image_findings(session: Session, operator_image: str, idle: frozenset[str]) -> Iterator[Finding]:
    """Yield for each image whether a registry has it. Registries are asked from this machine, with its logins.

    Args:
        operator_image: the operator's own; empty where it is not known.
        idle: drivers that nobody can use on this cluster, as ``runtime ray``: what they lack is in nobody's way.
    """
    roles: dict[str, list[str]] = {operator_image: [OPERATOR]} if operator_image else {}
    used = {operator_image} if operator_image else set()
    for need in all_images(session):
        # The chart's values name the device plugin, and whether there is one: `gpus` tells of its DaemonSet.
        if need.role in (OPERATOR, DEVICE_PLUGIN_ROLE):
            continue
        roles.setdefault(need.image, []).append(need.role)
        users = {user.partition(",")[0] for user in need.used_by}
        if need.role in session.settings.images or not users <= idle:
            used.add(need.image)
    with ThreadPoolExecutor(AT_ONCE, "images") as pool:
        answers = list(pool.map(partial(find_image, session), roles))
    for image, (presence, why) in zip(roles, answers, strict=True):
        yield _finding(image, roles[image], presence, why, used=image in used)


def _finding(image: str, roles: list[str], presence: Presence, why: str, *, used: bool) -> Finding:
    about = f"image of {', '.join(roles)}"
    if presence == "there":
        return Finding(about=about, state="ok", message=f"{image} is there")
    state: Any = "problem" if presence == "missing" and used else "unchecked"
    setting = f", or name another in the setting images.{roles[0]}" if roles[0] != OPERATOR else ""
    hint = f"push it{setting}; {LIST}" if presence == "missing" else ""
    return Finding(about=about, state=state, message=f"{image}: {why}", hint=hint)


def image_volume_finding(api: Api, namespace: str) -> Finding:
    """Return whether the cluster keeps a volume that is an image: without its feature gate it is dropped in silence."""
    about = "image volumes"
    try:
        made = api.create(PODS, {**TRIAL, "metadata": {**TRIAL["metadata"], "namespace": namespace}}, dry_run=True)
    except ApiError as error:
        refused = explained(error, api)
        return Finding(about=about, state="unchecked", message=refused.message, hint=refused.hint)
    if any(volume.get("image") for volume in made["spec"].get("volumes") or ()):
        return Finding(about=about, state="ok", message="the API server keeps them")
    message = "the API server drops them from pods, and the settings say imageVolumes: true"
    hint = "turn on the feature gate ImageVolume of the API server and the kubelets, or set imageVolumes: false"
    return Finding(about=about, state="problem", message=message, hint=hint)


def image_mount_finding(api: Api) -> Finding:
    """Return whether the nodes that are there mount images as volumes, by the releases of their container runtimes."""
    about = "nodes with image volumes"
    try:
        nodes = all_of(api, NODES) or []
    except ApiError as error:
        return Finding(about=about, state="unchecked", message=explained(error, api).message, hint=ASK)
    lacking = [(str(node["metadata"]["name"]), why) for node in nodes if (why := no_image_mounts(node))]
    if not lacking:
        message = f"{len(nodes)} nodes, none of which is known to mount no images"
        return Finding(about=about, state="ok" if nodes else "unchecked", message=message)
    name, why = lacking[0]
    more = f", as do {len(lacking) - 1} more" if len(lacking) > 1 else ""
    hint = "upgrade the container runtime of the nodes, or set imageVolumes: false; pods then pull the weights"
    return Finding(about=about, state="problem", message=f"node {name} {why}{more}", hint=hint)
