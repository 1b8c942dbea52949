"""A server by Ray on a real node: what `llmwright logs` reads of its head and its worker."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.cluster.support.kuberay import KubeRay, is_there
from tests.cluster.support.node_images import push
from tests.cluster.support.node_release import Installation
from tests.cluster.support.real_node import RealNode
from tests.images.support.image_builds import ENGINE
from tests.support.programs import HOW_TO_GET_THEM, ROOT

from llmwright.app.images.recipes import read_recipes
from llmwright.version import __version__

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1800)]

LABEL = "rays"


@pytest.fixture(scope="module")
def image(real_node: RealNode) -> str:
    """The image with Ray, in the registry of the node."""
    recipe = read_recipes(ROOT)["ray"]
    if not ENGINE.exists(recipe.image):
        pytest.skip(f"{recipe.image} is not built: `llmwright images build ray`")
    if not is_there(real_node.plane.programs.assets):
        pytest.skip(f"{HOW_TO_GET_THEM}, kuberay-operator and kuberay-crds.yaml")
    return push(real_node.registry, recipe.image, f"llmwright/ray:{__version__}")


@pytest.fixture(scope="module")
def installed(
    real_node: RealNode, node_images: dict[str, str], image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    """The demo model, served by Ray with one copy."""
    kuberay = KubeRay.start(real_node.plane, "-use-kubernetes-proxy")
    real_node.label({"apps": LABEL, "nvidia.com/gpu.present": "false"})
    found = Installation(real_node, tmp_path_factory.mktemp("release"), node_images, LABEL)
    found.chart = {"images": {"workload": node_images["workload"], "ray": image}}
    found.prepare()
    found.install()
    served = {"preset": {"name": "demo"}, "runtime": "ray", "runtimeConfig": {"engine": "hf"}}
    found.apply("rays", {"inference": served})
    found.until("rays", "InferenceReady", minutes=8)
    yield found
    found.remove()
    kuberay.stop()


def test_it_answers(installed: Installation) -> None:
    assert installed.ask("rays", "Who are you?")


def test_the_head_and_the_worker_are_read_and_each_line_names_its_pod(installed: Installation) -> None:
    pods = {pod["metadata"]["labels"]["ray.io/node-type"]: pod for pod in installed.plane.get("pods")}
    head, worker = (pods[kind]["metadata"]["name"] for kind in ("head", "worker"))

    def logs(*arguments: str) -> str:
        return installed.llmwright("--target", "kubernetes", "logs", "rays", *arguments)

    lines = logs().splitlines()
    assert any(line.startswith(f"[{head}/head] ") for line in lines)
    written = [line for line in lines if line.startswith(f"[{worker}/rays] ")]
    assert any("a replica is ready" in line for line in written), "the words of the model's own process"
    assert "a replica is ready" in logs("--stage", worker)
    assert set(logs("--stage", "head").splitlines()), "the head's container alone"
