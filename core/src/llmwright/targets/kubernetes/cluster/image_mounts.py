"""Container runtimes of nodes, and which of them mount images as volumes; pure.

Releases: https://kubernetes.io/docs/tasks/configure-pod-container/image-volumes
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

SINCE = {"containerd": (2, 1), "cri-o": (1, 31)}
_VERSION = re.compile(r"(?P<name>[\w-]+)://v?(?P<major>\d{1,9})\.(?P<minor>\d{1,9})")


def no_image_mounts(node: Mapping[str, Any]) -> str:
    """Return why a Node mounts no images, in words that follow its name; empty where it does, or nothing is known."""
    version = str(((node.get("status") or {}).get("nodeInfo") or {}).get("containerRuntimeVersion") or "")
    found = _VERSION.match(version)
    since = SINCE.get(found["name"]) if found is not None else None
    if found is None or since is None or (int(found["major"]), int(found["minor"])) >= since:
        return ""
    name, release = found["name"], ".".join(map(str, since))
    return f"runs {name} {version.partition('://')[2]}, which mounts no images as volumes ({name} {release} does)"
