"""An image that its registry does not have is told of before a node is asked for, on a real registry and Karpenter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.operating import BUYING
from tests.cluster.support.workspaces import CLAIMS, Workspaces
from tests.support.docker_registry import DockerRegistry, docker_registry
from tests.support.empty_image import EmptyImage
from tests.support.waiting import wait_until

from llmwright.artifacts.image_push import push_image
from llmwright.version import __version__

pytestmark = pytest.mark.cluster

TYPE = "Standard_NC24ads_A100_v4"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DockerRegistry]:
    """A registry without a password, which has nothing."""
    yield from docker_registry(tmp_path_factory.mktemp("images"))


@pytest.fixture(scope="module")
def settings(registry: DockerRegistry) -> dict[str, Any]:
    """Engine and workloads come from that registry, by a mirror before their names."""
    return {**BUYING, "preflight": True, "imageRegistry": f"{registry.host}/mirror"}


def claims_for(workspaces: Workspaces, name: str) -> list[Any]:
    return workspaces.plane.get(CLAIMS, f"-lkaito.sh/workspace={name}")


def test_no_node_is_asked_for_without_the_image(workspaces: Workspaces, registry: DockerRegistry) -> None:
    workspaces.apply(workspaces.inference("imageless", instanceType=TYPE))
    workspaces.until("imageless", "Stalled", reason="ImageMissing")
    told = workspaces.told("imageless", "Stalled")["message"]
    assert f"image {registry.host}/mirror/vllm/vllm-openai:v" in told
    assert "(role vllm) is in no registry" in told
    assert workspaces.condition("imageless", "PreflightSucceeded") == ("False", "ImageMissing")
    assert claims_for(workspaces, "imageless") == []

    with_hf = workspaces.inference("imaged", instanceType=TYPE)
    with_hf["inference"] = {"preset": {"name": "demo"}, "runtime": "hf"}
    push_image(EmptyImage("workload"), f"{registry.host}/mirror/llmwright/workload:{__version__}", None)
    workspaces.apply(with_hf)
    wait_until(lambda: claims_for(workspaces, "imaged"), "a node is asked for where the image is there")
    assert claims_for(workspaces, "imageless") == []
