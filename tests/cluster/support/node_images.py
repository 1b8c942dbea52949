"""The images of operator and workload, built from this checkout and pushed to the registry of a real node."""

from __future__ import annotations

import base64
import json
from pathlib import Path

from tests.cluster.support.node_registry import NodeRegistry
from tests.images.support.image_builds import call, image_of

from llmwright.version import __version__

ROLES = ("operator", "workload")


def pushed(registry: NodeRegistry, folder: Path) -> dict[str, str]:
    """Return the image of each role in the registry, as the node pulls it.

    They are built first, unless the variable of ``image_builds`` says to take those that are there.
    """
    logins = folder / "logins.json"
    token = base64.b64encode(f"{registry.USER}:{registry.PASSWORD}".encode()).decode()
    logins.write_text(json.dumps({"auths": {registry.host: {"auth": token}}}))
    images = {}
    for role in ROLES:
        image = f"{registry.host}/llmwright/{role}:{__version__}"
        push = ("buildah", "push", "-q", "--compression-format=zstd", "--compression-level=1")
        trust = ("--authfile", str(logins), "--cert-dir", str(registry.certificates))
        call(*push, *trust, image_of(role, folder), f"docker://{image}")
        images[role] = image
    return images
