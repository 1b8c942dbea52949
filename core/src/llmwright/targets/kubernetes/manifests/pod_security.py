"""Pods that Pod Security ``restricted`` admits: no root, no new rights, a read-only root, named places to write in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from llmwright.targets.kubernetes.manifests.render_input import Manifest

HOME = "/home/llmwright"
"""The home of the pod's user, and so the place of every cache: vLLM, Triton, FlashInfer and the hub write below it."""

USER_NAME = "llmwright"
"""torch asks for the user's name when it is imported, and an image need not know the number of the user."""

WRITABLE = {"home": HOME, "tmp": "/tmp"}  # noqa: S108 - a volume of the pod's own
"""The volumes that a container may write in beside its own, by name, and where they are mounted."""


def restricted(spec: Mapping[str, Any], *, user: int, group: int) -> dict[str, Any]:
    """Return a pod's ``spec`` with what the standard ``restricted`` asks for, and with ``WRITABLE`` in each container.

    Args:
        user: the number of the user that the pod runs as.
        group: the number of its group, which also owns the files of the pod's volumes.
    """
    containers = {name: [_container(one) for one in spec.get(name, ())] for name in ("initContainers", "containers")}
    mounted = {mount["name"] for part in containers.values() for one in part for mount in one["volumeMounts"]}
    added = [{"name": name, "emptyDir": {}} for name in WRITABLE if name in mounted]
    return {
        **spec,
        **{name: part for name, part in containers.items() if part},
        "volumes": [*spec.get("volumes", ()), *added],
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "runAsGroup": group,
            "fsGroup": group,
            # Else the kubelet changes every file of a large volume of weights each time a pod starts.
            "fsGroupChangePolicy": "OnRootMismatch",
            "seccompProfile": {"type": "RuntimeDefault"},
        },
    }


def _container(container: Mapping[str, Any]) -> Manifest:
    mounts = list(container.get("volumeMounts", ()))
    taken = {mount["mountPath"] for mount in mounts}
    mounts += [{"name": name, "mountPath": path} for name, path in WRITABLE.items() if path not in taken]
    return {
        **container,
        "env": _with_home(container.get("env", ())),
        "volumeMounts": mounts,
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def _with_home(variables: Iterable[Manifest]) -> list[Manifest]:
    given = list(variables)
    own = {variable["name"] for variable in given}
    added = {"HOME": HOME, "USER": USER_NAME}
    return [*({"name": name, "value": value} for name, value in added.items() if name not in own), *given]
