"""The images of operator and workload, built from this checkout and pushed to the registry of a real node."""

from __future__ import annotations

import pytest
from tests.cluster.support.node_registry import NodeRegistry
from tests.cluster.support.real_node import RealNode
from tests.images.support.image_builds import call, image_of

from llmwright.version import __version__

ROLES = ("operator", "workload")


@pytest.fixture(scope="session")
def node_images(real_node: RealNode, tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The image of each role in the registry, as the node pulls it.

    They are built first, unless the variable of ``image_builds`` says to take those that are there.
    """
    folder = tmp_path_factory.mktemp("images")
    names = {role: f"llmwright/{role}:{__version__}" for role in ROLES}
    return {role: push(real_node.registry, image_of(role, folder), name) for role, name in names.items()}


def push(registry: NodeRegistry, image: str, name: str) -> str:
    """Push an image that buildah has; return its whole name in the registry."""
    whole = f"{registry.host}/{name}"
    compressed = ("--compression-format=zstd", "--compression-level=1")
    trust = (f"--creds={registry.USER}:{registry.PASSWORD}", f"--cert-dir={registry.certificates}")
    call("buildah", "push", "-q", *compressed, *trust, image, f"docker://{whole}")
    return whole
