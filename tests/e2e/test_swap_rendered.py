"""The suite of every runtime once more, on the pod of the manifests that ``llmwright render`` prints."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest
import yaml
from tests.e2e.support.sandbox import Sandbox
from tests.e2e.support.swapped_runtime import KEY, PROGRAMS, QUIET, served_model, workspace, write_adapters
from tests.support.rendered_pod import RenderedPod, kill

from llmwright.testing import EndpointContract, ServedModel
from llmwright.testing.http_answers import Client
from llmwright.values.launch import API_KEY

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
ENGINES = ["hf", pytest.param("vllm", marks=pytest.mark.engine("vllm"))]
ENDS = (0, -signal.SIGTERM, 128 + signal.SIGTERM)


@pytest.fixture(scope="session", params=ENGINES)
def client(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """The pod of each runtime in turn. It ends by SIGTERM, as the kubelet ends it."""
    folder, runtime = tmp_path_factory.mktemp(f"pod-{request.param}"), request.param
    path = os.pathsep.join((str(PROGRAMS[runtime]()), os.environ["PATH"]))
    sandbox = Sandbox(folder / "sandbox")
    text = workspace(runtime, write_adapters(folder / "adapters"), machine="Standard_NC24ads_A100_v4")
    rendered = sandbox.ok("render", "--target", "kubernetes", "-f", sandbox.write(text))
    pod = RenderedPod([*yaml.safe_load_all(rendered)], folder, {API_KEY.name: {API_KEY.key: KEY}})
    process = pod.start({"PATH": path, "HOME": str(folder), "HF_HUB_OFFLINE": "1", **QUIET})
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
