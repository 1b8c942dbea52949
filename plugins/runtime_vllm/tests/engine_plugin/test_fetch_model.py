"""The step before the engine, as a pod starts it: files laid by a shell, a real hub, the library of the engine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from plugins.runtime_vllm.tests.support.launches import launched
from tests.support.hub import COMMIT, Hub
from tests.support.told_progress import told
from tests.support.waiting import wait_until

from llmwright.lifecycle.weight_causes import weight_cause
from llmwright.plugins.progress_server import PORT
from llmwright.testing.cluster.programs import free_port
from llmwright_runtime_vllm.driver import VllmRuntime
from llmwright_runtime_vllm.engine_plugin.fetch_model import last_line, present_bytes
from llmwright_runtime_vllm.plugin_files import copying

NAME = "acme/Tiny"
SHARDS = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")
OTHERS = ("config.json", "pytorch_model.bin")
SHARD_BYTES = 24 * 1024**2
"""The library writes 10 MB at a time (huggingface_hub 2.4, ``DOWNLOAD_CHUNK_SIZE``)."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    folder = tmp_path / "model"
    folder.mkdir()
    for number, name in enumerate((*SHARDS, *OTHERS)):
        (folder / name).write_bytes(bytes([number]) * (SHARD_BYTES if name in SHARDS else 99))
    hub = Hub()
    hub.add(NAME, folder)
    yield hub
    hub.close()


class Pod:
    """The step of a pod: its command with the volumes as directories, and its environment."""

    def __init__(self, runtime: VllmRuntime, folder: Path, hub: Hub) -> None:
        self.packages, self.weights, self.port = folder / "packages", folder / "weights", free_port()
        self.packages.mkdir()
        volumes = {"$(volume.engine-plugin)": str(self.packages), "$(volume.model)": str(self.weights)}

        def filled(text: str) -> str:
            for name, path in volumes.items():
                text = text.replace(name, path)
            return text.replace("$(python)", sys.executable)

        subprocess.run([filled(word) for word in copying("vllm").argv], check=True)
        (step,) = (each for each in launched(runtime).prepare if each.name == "fetch-model")
        argv = [COMMIT if word == "abc" else filled(word) for word in step.argv]
        # As in the engine's image, which has none of our packages.
        self.command = [sys.executable, "-c", WITHOUT_CORE, *argv[2:]]
        own = {name: filled(str(value)) for name, value in step.env.items()}
        self.environ = {"HF_ENDPOINT": hub.url, "HOME": str(folder), PORT: str(self.port), **own}

    def fetch(self, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command, env={**self.environ, **environ}, capture_output=True, text=True, check=False, timeout=120
        )


WITHOUT_CORE = """
import runpy, sys
sys.modules.update(llmwright=None, llmwright_runtime_vllm=None)
sys.argv = sys.argv[1:]
runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
"""


@pytest.fixture
def pod(runtime: VllmRuntime, tmp_path: Path, hub: Hub) -> Pod:
    return Pod(runtime, tmp_path, hub)


def engine_fetches(pod: Pod) -> None:
    """What vLLM's loader asks of the library (``download_weights_from_hf``)."""
    code = "import sys, huggingface_hub as h; h.snapshot_download(sys.argv[1], revision=sys.argv[2], "
    code += "cache_dir=sys.argv[3], allow_patterns=['*.safetensors'], ignore_patterns=['original/**/*'])"
    command = [sys.executable, "-c", code, NAME, COMMIT, str(pod.weights)]
    subprocess.run(command, env=pod.environ, check=True, capture_output=True)


def test_it_tells_bytes_and_rate_and_leaves_nothing_for_the_engine_to_fetch(pod: Pod, hub: Hub) -> None:
    hub.slow, hub.piece = frozenset(SHARDS), 96 * 1024
    with subprocess.Popen(pod.command, env=pod.environ, stdout=subprocess.DEVNULL) as process:
        seen: list[dict[str, Any]] = []

        def is_under_way() -> bool:
            assert process.poll() is None, "it ended before it told anything"
            event = told(pod.port)
            seen.extend([event] if event is not None else [])
            return event is not None and event.get("bytes_per_second", 0) > 0 and 0 < event["bytes"] < event["total"]

        wait_until(is_under_way, "the download is told", 60)
        hub.hurry.set()
        assert process.wait(60) == 0
    assert (seen[-1]["event"], seen[-1]["total"]) == ("download", 2 * SHARD_BYTES)
    assert sorted(hub.downloads) == sorted(SHARDS), "what the engine does not load is not fetched"
    engine_fetches(pod)
    assert sorted(hub.downloads) == sorted(SHARDS), "and the engine fetches nothing more"
    assert pod.fetch().returncode == 0
    assert sorted(hub.downloads) == sorted(SHARDS), "nor does a container that starts again"


@pytest.mark.parametrize(
    ("repository", "token", "reason"),
    [
        ({"gated": True}, "", "TokenMissing"),
        ({"gated": True}, "hf_mistypedmistyped", "TokenInvalid"),
        ({"gated": True}, "hf_strangerstranger", "LicenceNotAccepted"),
        ({"gated": True}, "hf_finefinefinefine", "TokenWithoutRight"),
        ({"private": True}, "hf_strangerstranger", "ModelNotFound"),
        ({"commit": "f" * 40}, "", "RevisionNotFound"),
    ],
)
def test_each_refusal_has_its_reason(pod: Pod, hub: Hub, repository: dict[str, Any], token: str, reason: str) -> None:
    for name, value in repository.items():
        setattr(hub.repositories[NAME], name, value)
    done = pod.fetch(**({"HF_TOKEN": token} if token else {}))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    last = done.stderr.splitlines()[-1]
    cause = weight_cause(last)
    assert cause is not None, last
    assert cause.reason == reason, last
    assert not token or token not in done.stdout + done.stderr


@pytest.mark.slow
def test_a_hub_that_does_not_answer_is_told_as_that(pod: Pod, hub: Hub) -> None:
    done = pod.fetch(HF_ENDPOINT=f"http://127.0.0.1:{free_port()}")
    cause = weight_cause(done.stderr.splitlines()[-1])
    assert cause is not None
    assert cause.reason == "HubUnreachable"


def test_with_a_token_that_may_read_it_a_gated_model_comes(pod: Pod, hub: Hub) -> None:
    hub.repositories[NAME].gated = True
    assert pod.fetch(HF_TOKEN="hf_validvalidvalidvalid").returncode == 0
    assert sorted(hub.downloads) == sorted(SHARDS)


def test_where_the_hub_must_not_be_asked_the_engine_is_left_alone(pod: Pod, hub: Hub) -> None:
    done = pod.fetch(HF_HUB_OFFLINE="1")
    assert (done.returncode, done.stdout) == (0, "HF_HUB_OFFLINE is set: nothing is fetched\n")
    assert not hub.requests


def test_a_part_that_has_its_whole_length_already_counts_by_its_room(tmp_path: Path) -> None:
    blob = tmp_path / "abc"
    assert present_bytes(blob, 10**6) == 0
    part = tmp_path / "abc.1f.incomplete"
    with part.open("wb") as file:
        file.write(b"x" * 65536)
        file.flush()
        os.fsync(file.fileno())
        file.truncate(10**6)
    assert 65536 <= present_bytes(blob, 10**6) < 10**6
    part.rename(blob)
    assert present_bytes(blob, 10**6) == 10**6


def test_a_network_that_fails_is_told_as_that() -> None:
    cause = weight_cause(f"error: {last_line(httpx.ConnectError('[Errno 111] Connection refused'))}")
    assert cause is not None
    assert cause.reason == "HubUnreachable"
    assert cause.message.endswith("does not answer: [Errno 111] Connection refused")
