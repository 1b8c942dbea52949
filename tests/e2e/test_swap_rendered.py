"""The suite of every runtime once more, on the pods of the manifests that ``llmwright render`` prints."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.swapped_runtime import KEY, MODEL, PROGRAMS, QUIET, served_model, workspace, write_adapters
from tests.support.rendered_pod import RenderedPod, kill, pod_of_stateful_set
from tests.support.rendered_ray import RenderedRay
from tests.support.waiting import wait_until

from llmwright.testing import EndpointContract, ServedModel
from llmwright.testing.http_answers import Client
from llmwright.testing.served_model import COMPLETIONS
from llmwright.values.launch import API_KEY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ENGINES = ["hf", *(pytest.param(name, marks=pytest.mark.engine(name=name)) for name in ("vllm", "ray"))]
ENDS = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
KEYS = {API_KEY.name: {API_KEY.key: KEY}}
STREAMS = 24
TWO_COPIES = "  replicas: 2\n  runtimeConfig: {engine: hf}\n"
"""The engine that Ray's environment here has: on a cluster with such a GPU it would be vLLM."""


def rendered(runtime: str, folder: Path, more: str = "") -> list[dict[str, Any]]:
    """Return the manifests of the Workspace with that runtime."""
    sandbox = Sandbox(folder / "sandbox")
    sandbox.write(yaml.safe_dump({"hostPaths": [str(folder)]}), "llmwright.yaml")
    text = workspace(runtime, write_adapters(folder / "adapters"), "Standard_NC24ads_A100_v4", more)
    return [*yaml.safe_load_all(sandbox.ok("render", "--target", "kubernetes", "-f", sandbox.write(text)))]


def environment(runtime: str, folder: Path) -> dict[str, str]:
    """Return the variables of this machine for the pods: programs are found as in the image of the runtime."""
    path = os.pathsep.join((str(PROGRAMS[runtime]()), os.environ["PATH"]))
    # The pod's flags are for a GPU: on a processor the share in them is one of all memory.
    cache = {"VLLM_CPU_KVCACHE_SPACE": "1"}
    return {"PATH": path, "HOME": str(folder), "HF_HUB_OFFLINE": "1", **cache, **QUIET}


@pytest.fixture(scope="session")
def ray_pods(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RenderedRay]:
    """A head and two workers, with a copy of the model on each worker. They end by SIGTERM, all at once."""
    folder = tmp_path_factory.mktemp("pod-ray")
    environ = environment("ray", folder)
    with tempfile.TemporaryDirectory(prefix="ray-", dir="/tmp", ignore_cleanup_errors=True) as short:
        pods = RenderedRay(rendered("ray", folder, TWO_COPIES), Path(short), KEYS, environ)
        try:
            pods.start()
            pods.deploy()
            yield pods
        finally:
            pods.stop()


@pytest.fixture(scope="session", params=ENGINES)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The pod of each runtime in turn. It ends by SIGTERM, as the kubelet ends it."""
    runtime = request.param
    if runtime == "ray":
        yield request.getfixturevalue("ray_pods").client(KEY)
        return
    folder = tmp_path_factory.mktemp(f"pod-{runtime}")
    environ = environment(runtime, folder)
    pod = RenderedPod(pod_of_stateful_set(rendered(runtime, folder)), folder, KEYS)
    process = pod.start(environ)
    try:
        yield pod.client(process, KEY)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in ENDS, pod.log("main")
    finally:
        kill(process)


class TestEndpoint(EndpointContract):
    """The laws that every plugin's server keeps."""

    @pytest.fixture
    def served(self, request: pytest.FixtureRequest, client: Client) -> ServedModel:
        return served_model(request.node.callspec.params["client"], client)


@pytest.mark.engine(name="ray")
def test_a_worker_that_goes_finishes_its_answers(ray_pods: RenderedRay) -> None:
    """The last test of Ray: the kubelet ends the pod of one of two workers, while both answer."""
    client = ray_pods.client(KEY)
    copies = [["RUNNING"], ["RUNNING"]]
    wait_until(lambda: [*ray_pods.replicas().values()] == copies, "each worker has a copy", 300)
    long = {"model": MODEL, "prompt": "Who", "max_tokens": 400, "ignore_eos": True, "temperature": 0, "stream": True}

    def tokens(number: int) -> int:
        lines = client.lines(COMPLETIONS, {**long, "stream_options": {"include_usage": True}})
        first = next(lines)
        begun.append(number)
        events = [line.removeprefix(b"data:").strip() for line in (first, *lines) if line.startswith(b"data:")]
        assert events[-1] == b"[DONE]", events[-1]
        count: int = json.loads(events[-2])["usage"]["completion_tokens"]
        return count

    begun: list[int] = []
    with ThreadPoolExecutor(STREAMS) as pool:
        asked = [pool.submit(tokens, number) for number in range(STREAMS)]
        wait_until(lambda: len(begun) == STREAMS, "all streams have begun", 120)
        going = ray_pods.started.pop("worker-1")
        going.send_signal(signal.SIGTERM)
        assert [each.result() for each in asked] == [400] * STREAMS
    assert going.wait(70) is not None, "the kubelet would have killed it"
    assert client.post(COMPLETIONS, {**long, "stream": False, "max_tokens": 4}).status == 200
    ray_pods.check()
