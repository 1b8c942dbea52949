"""The steps before a server that bring its weights: the very commands of its pod, on a real API server.

A test plays the kubelet: it runs the commands of the init containers as processes of this machine, each volume a
directory, and says so in the pod's status.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from tests.cluster.support.kubelet import Kubelet
from tests.cluster.support.operating import SETTINGS
from tests.cluster.support.workspaces import Workspaces
from tests.support.docker_registry import DockerRegistry, open_registry
from tests.support.hub import Hub
from tests.support.slow_pipe import SlowPipe
from tests.support.waiting import wait_until

import llmwright_presets

__all__ = ["open_registry"]

pytestmark = pytest.mark.cluster

Object = dict[str, Any]
ADDRESS = "127.0.0.43"
"""That of the pod: loopback has many, so that nobody else listens at its port."""
DEMO = Path(llmwright_presets.__file__).parent / "demo"
WEIGHTS, MORE = "model.safetensors", "more.safetensors"
MORE_BYTES = 60 * 1024**2
"""The hub's library writes 10 MB at a time: of the demo model alone nothing would be seen on its way."""


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """A hub whose large files come slowly until it is told to hurry."""
    found = Hub()
    found.add("acme/demo", DEMO).files[MORE] = bytes(MORE_BYTES)
    found.slow, found.piece = frozenset({WEIGHTS, MORE}), 64 * 1024
    yield found
    found.close()


@pytest.fixture(scope="module")
def environ(hub: Hub) -> dict[str, str]:
    return {"HF_ENDPOINT": hub.url}


@pytest.fixture(scope="module")
def settings(hub: Hub) -> Object:
    env = [{"name": "HF_ENDPOINT", "value": hub.url}]
    return {
        **SETTINGS,
        "sources": {"allow": ["127.0.0.1"]},
        "pods": {"spec": {"containers": [{"name": "*", "env": env}]}},
    }


class Steps:
    """The init containers of a pod as processes of this machine."""

    def __init__(self, pod: Object, folder: Path) -> None:
        self.containers = {one["name"]: one for one in pod["spec"]["initContainers"]}
        self.folder = folder

    def run(self, name: str) -> None:
        """One from its beginning to its end."""
        command, env = self._command(self.containers[name])
        subprocess.run(command, env=env, check=True, capture_output=True)

    @contextmanager
    def running(self, name: str) -> Iterator[subprocess.Popen[bytes]]:
        """One that is ended with the block, if it does not end by itself."""
        command, env = self._command(self.containers[name])
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _command(self, container: Object) -> tuple[list[str], dict[str, str]]:
        places = {one["mountPath"]: self.folder / one["name"] for one in container["volumeMounts"]}
        for place in places.values():
            place.mkdir(exist_ok=True)
        # The longest first: a volume may be mounted below another.
        paths = re.compile("|".join(re.escape(path) for path in sorted(places, key=len, reverse=True)))

        def here(text: str) -> str:
            return paths.sub(lambda match: str(places[match[0]]), text)

        env = {one["name"]: here(one["value"]) for one in container["env"] if "value" in one}
        program, *rest = container["command"]
        command = [sys.executable if program == "python3" else program, *map(here, rest)]
        return command, {"PATH": os.environ["PATH"], **env}


def pod_of(workspaces: Workspaces, kubelet: Kubelet, name: str, inference: Object) -> Object:
    """The pod of a new server, given to a node that only the test cares for."""
    workspaces.node(kubelet.node, name, fake=False)
    kubelet.ready()
    wanted = workspaces.inference(name)
    wanted["inference"] = inference
    workspaces.apply(wanted)
    workspaces.until(name, "ResourceReady")
    return kubelet.has(f"{name}-0")


def told(workspaces: Workspaces, name: str) -> Object:
    status: Object = workspaces.get(name).get("status") or {}
    return status.get("download") or {}


def shows_progress(workspaces: Workspaces, name: str, total: int) -> None:
    """The status tells bytes that grow, the bytes in all, and the rate."""
    wait_until(lambda: told(workspaces, name).get("bytesPerSecond"), "the status tells the rate", 60)
    first = told(workspaces, name)
    assert 0 < first["bytes"] < first["totalBytes"]
    assert total <= first["totalBytes"] < total + 2 * 1024**2, "config and tokenizer may count too"
    wait_until(lambda: told(workspaces, name).get("bytes", 0) > first["bytes"], "it goes on", 60)


def test_a_model_of_the_hub_is_told_while_a_step_fetches_it_for_vllm(
    workspaces: Workspaces, hub: Hub, tmp_path: Path
) -> None:
    kubelet = Kubelet(workspaces.plane, "hub-node")
    pod = pod_of(workspaces, kubelet, "hub-vllm", {"preset": {"name": "acme/demo"}, "runtime": "vllm"})
    steps = Steps(pod, tmp_path)
    assert list(steps.containers) == ["engine-plugin", "fetch-model"]
    steps.run("engine-plugin")
    with steps.running("fetch-model") as process:
        kubelet.prepares_at("hub-vllm-0", ADDRESS, "fetch-model")
        shows_progress(workspaces, "hub-vllm", (DEMO / WEIGHTS).stat().st_size + MORE_BYTES)
        hub.hurry.set()
        assert process.wait(60) == 0
    assert (hub.downloads.count(WEIGHTS), hub.downloads.count(MORE)) == (1, 1)
    kubelet.serves("hub-vllm-0")
    workspaces.until("hub-vllm", "InferenceReady")
    assert not told(workspaces, "hub-vllm")


def test_a_model_in_an_image_is_told_while_a_step_pulls_it(
    workspaces: Workspaces, open_registry: DockerRegistry, tmp_path: Path
) -> None:
    pushed = pushed_demo(open_registry, tmp_path)
    slow = SlowPipe(open_registry.host)
    try:
        image = f"{slow.host}/{pushed}"
        preset = {"name": "demo", "accessMode": "private", "presetOptions": {"image": image}}
        kubelet = Kubelet(workspaces.plane, "image-node")
        pod = pod_of(workspaces, kubelet, "by-image", {"preset": preset, "runtime": "hf"})
        steps = Steps(pod, tmp_path)
        assert list(steps.containers) == ["pull-model"]
        with steps.running("pull-model") as process:
            kubelet.prepares_at("by-image-0", ADDRESS, "pull-model")
            shows_progress(workspaces, "by-image", (DEMO / WEIGHTS).stat().st_size)
            slow.hurry.set()
            assert process.wait(60) == 0
        (weights,) = tmp_path.glob(f"*/{WEIGHTS}")
        assert weights.read_bytes() == (DEMO / WEIGHTS).read_bytes()
        kubelet.serves("by-image-0")
        workspaces.until("by-image", "InferenceReady")
        assert not told(workspaces, "by-image")
    finally:
        slow.close()


def pushed_demo(registry: DockerRegistry, folder: Path) -> str:
    """The demo model as an image: its name in the registry, by digest."""
    here = folder / "pushing"
    here.mkdir()
    (here / "llmwright.yaml").write_text("sources: {allow: [127.0.0.1]}\n")
    program = shutil.which("llmwright", path=str(Path(sys.executable).parent))
    assert program
    command = [program, "model", "push", "demo", f"oci://{registry.host}/models/demo:1"]
    environ = {**os.environ, "XDG_CONFIG_HOME": str(here)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=here, env=environ)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()[-1].removeprefix(f"oci://{registry.host}/")
