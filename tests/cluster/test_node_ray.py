"""A server by Ray on a real node: what `llmwright logs` reads of its head and its worker."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.cluster.support.kuberay import KubeRay, is_there
from tests.cluster.support.node_images import push
from tests.cluster.support.real_node import RealNode
from tests.images.support.image_builds import ENGINE
from tests.support.programs import HOW_TO_GET_THEM, ROOT
from tests.support.waiting import wait_until

from llmwright.app.images.recipes import read_recipes
from llmwright.version import __version__

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1800)]

LABEL = {"apps": "rays"}


@pytest.fixture(scope="module")
def served(real_node: RealNode) -> Iterator[None]:
    """The demo model, served by Ray with one copy."""
    recipe = read_recipes(ROOT)["ray"]
    if not ENGINE.exists(recipe.image):
        pytest.skip(f"{recipe.image} is not built: `llmwright images build ray`")
    plane = real_node.plane
    if not is_there(plane.programs.assets):
        pytest.skip(f"{HOW_TO_GET_THEM}, kuberay-operator and kuberay-crds.yaml")
    image = push(real_node.registry, recipe.image, f"llmwright/ray:{__version__}")
    plane.install()
    real_node.pull_secret("default")
    real_node.label({**LABEL, "nvidia.com/gpu.present": "false"})
    kuberay = KubeRay.start(plane, "-use-kubernetes-proxy")
    settings = {
        "provisioner": "byo",
        "images": {"ray": image, "workload": image},
        "pods": {"spec": {"imagePullSecrets": [{"name": "registry"}]}},
    }
    with plane.operator(settings):
        plane.apply(
            {
                "apiVersion": "kaito.sh/v1beta1",
                "kind": "Workspace",
                "metadata": {"name": "rays", "namespace": "default"},
                "resource": {"labelSelector": {"matchLabels": LABEL}},
                "inference": {"preset": {"name": "demo"}, "runtime": "ray", "runtimeConfig": {"engine": "hf"}},
            }
        )
        try:
            plane.until("rays", "InferenceReady", timeout_s=900)
        except AssertionError as error:
            pods = plane.kubectl("get", "pods", "-o", "wide", check=False)
            raise AssertionError(f"{error}\n{pods}") from error
        yield
        plane.kubectl("delete", "workspaces", "--all", "--timeout=120s")
        wait_until(lambda: not plane.get("pods"), "no pod is left", 120)
    kuberay.stop()
    plane.uninstall()


@pytest.fixture
def logs(real_node: RealNode, served: None, tmp_path: Path) -> Callable[..., str]:
    """What ``llmwright logs rays ARGUMENTS`` prints."""
    environ = {**os.environ, "KUBECONFIG": str(real_node.plane.kubeconfig), "XDG_CONFIG_HOME": str(tmp_path)}

    def run(*arguments: str) -> str:
        command = [sys.executable, "-m", "llmwright", "--target", "kubernetes", "logs", "rays", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environ, cwd=tmp_path)
        print(f"$ llmwright logs rays {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_the_head_and_the_worker_are_read_and_each_line_names_its_pod(
    real_node: RealNode, logs: Callable[..., str]
) -> None:
    pods = {pod["metadata"]["labels"]["ray.io/node-type"]: pod for pod in real_node.plane.get("pods")}
    head, worker = (pods[kind]["metadata"]["name"] for kind in ("head", "worker"))
    lines = logs().splitlines()
    assert any(line.startswith(f"[{head}/head] ") for line in lines)
    written = [line for line in lines if line.startswith(f"[{worker}/rays] ")]
    assert any("a replica is ready" in line for line in written), "the words of the model's own process"
    assert "a replica is ready" in logs("--stage", worker)
    assert set(logs("--stage", "head").splitlines()), "the head's container alone"
