"""What the runtime ``ray`` renders, run: KubeRay's operator deploys our application on a real Ray of two nodes."""

from __future__ import annotations

import json
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest
from tests.cluster.support.kuberay import KubeRay, running_kuberay
from tests.cluster.support.operating import Shift
from tests.cluster.support.ray_machine import RayMachine, answers_on, own_address
from tests.cluster.support.workspaces import Workspaces
from tests.support.ray_environment import ray_environment
from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

HTTP, GCS = 5000, 6379
START_S, DEPLOY_S = 180.0, 600.0
"""How long Ray and the application may take where the machine does something else too."""


@pytest.fixture
def machine(plane: Cluster) -> Iterator[RayMachine]:
    address = own_address()
    if address is None or answers_on(GCS) or answers_on(HTTP):
        pytest.skip("pods need an address besides loopback, and the ports 5000 and 6379")
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp") as folder:
        started = RayMachine(plane, ray_environment(), Path(folder), address)
        yield started
        started.stop()


@pytest.fixture
def kuberay(plane: Cluster, assets: Path, shift: Shift, machine: RayMachine) -> Iterator[KubeRay]:
    with running_kuberay(plane, assets, shift, "-use-kubernetes-proxy") as started:
        yield started


def test_the_demo_model_answers_from_the_cluster_that_kuberay_makes(
    kuberay: KubeRay, machine: RayMachine, workspaces: Workspaces
) -> None:
    workspaces.node("real-node", "real")
    wanted = workspaces.inference("real")
    wanted["inference"] = {"preset": {"name": "demo"}, "runtime": "ray", "runtimeConfig": {"engine": "hf"}}
    workspaces.apply(wanted)
    run_pods(kuberay, machine, workspaces)
    assert answers()

    scale(workspaces, 0)
    wait_until(lambda: not kuberay.all("pod", "real"), "no pod is left, also no head")
    workspaces.until("real", "Ready", "True", "ScaledToZero")
    machine.stop()
    scale(workspaces, 1)
    run_pods(kuberay, machine, workspaces)
    assert answers(), "the same cluster serves the application again"


def scale(workspaces: Workspaces, copies: int) -> None:
    text = json.dumps({"inference": {"replicas": copies}})
    workspaces.plane.kubectl("patch", "workspace", "real", "--type=merge", "-p", text)


def run_pods(kuberay: KubeRay, machine: RayMachine, workspaces: Workspaces) -> None:
    """Run the head and the worker that KubeRay makes, and wait until the Workspace is ready."""
    (worker,) = wait_until(lambda: kuberay.workers("real"), "KubeRay makes a worker")
    (head,) = kuberay.all("pod", "real", **{"ray.io/node-type": "head"})
    machine.run(head)
    wait_until(lambda: machine.runs() and answers_on(8265), "the head's dashboard", START_S)
    machine.run(worker)
    # KubeRay asks ever more rarely while nobody answers; a change makes it ask at once.
    workspaces.plane.kubectl("annotate", "--overwrite", "rayservice", "real", f"example.com/asks={monotonic()}")

    def is_ready() -> bool:
        return machine.runs() and workspaces.plane.condition("real", "InferenceReady")["status"] == "True"

    wait_until(is_ready, "the model answers", DEPLOY_S)


def answers() -> bool:
    """Whether the model answers a question."""
    question = {"model": "demo", "messages": [{"role": "user", "content": "hello"}], "max_tokens": 4}
    request = urllib.request.Request(
        f"http://127.0.0.1:{HTTP}/v1/chat/completions",
        json.dumps(question).encode(),
        {"Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=60) as answer:
        return bool(json.load(answer)["choices"][0]["message"]["role"] == "assistant")
