"""The runtime ``vllm`` on one machine: the real engine, its CPU build, with the demo model."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from tests.e2e.support.sandbox import SUPERVISOR, Sandbox
from tests.e2e.support.served_model import request
from tests.support.engine import engine_environment
from tests.support.waiting import wait_until

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]

KEY = "s3cret-of-the-engine"
START_S = 900.0
"""How long the engine may take to start: it compiles nothing, and still imports for a minute on a busy machine."""

QUIET = {
    # The cache of the demo model needs a few MB; by itself the engine takes most of the machine's memory.
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "OMP_NUM_THREADS": "2",
    "VLLM_NO_USAGE_STATS": "1",
}
CONFIG = """\
---
apiVersion: v1
kind: ConfigMap
metadata: {{name: engine}}
data:
  inference_config.yaml: "vllm: {{{flags}}}"
"""
PLAIN = "enforce-eager: true, max-num-seqs: 4"


class EngineSandbox(Sandbox):
    """A sandbox whose settings name the engine's program."""

    def __init__(self, root: Path, **environ: str) -> None:
        super().__init__(root, **QUIET, **environ)
        program = engine_environment() / "bin" / "vllm"
        self.write(f"plugins: {{runtime: {{vllm: {{program: {program}}}}}}}\n", "llmwright.yaml")

    def serve_by_engine(self, name: str = "mine", more: str = "", flags: str = PLAIN) -> Path:
        """Write a file that serves the demo model by the engine, with flags in a config."""
        served = "  runtime: vllm\n  config: engine\n"
        return self.serve(name, served + more + CONFIG.format(flags=flags))

    def engine(self) -> psutil.Process:
        """Return the process that the supervisor started."""
        (supervisor,) = self.processes(SUPERVISOR)
        (engine,) = supervisor.children()
        return engine


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the demo model."""
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    assert preset.architecture is not None
    return write_adapter(tmp_path_factory.mktemp("adapter") / "own", preset.architecture, 0.01)


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, adapter: Path) -> Iterator[EngineSandbox]:
    """The demo model with an adapter and a key, ready."""
    sandbox = EngineSandbox(tmp_path_factory.mktemp("served"), LLMWRIGHT_API_KEY=KEY)
    more = f"  adapters:\n    - source: {{name: own, volumeSource: {{hostPath: {{path: {adapter}}}}}}}\n"
    sandbox.ok("apply", "-f", sandbox.serve_by_engine(more=more))
    wait_until(lambda: sandbox.condition("WorkspaceReady").get("status") == "True", "the engine answers", START_S)
    yield sandbox
    sandbox.close()


@pytest.fixture(scope="module")
def endpoint(served: EngineSandbox) -> str:
    return str(served.get()["status"]["endpoint"])


def completion(model: str, tokens: int = 8) -> dict[str, Any]:
    return {"model": model, "prompt": "Who", "max_tokens": tokens, "min_tokens": tokens, "temperature": 0}


def test_models_and_adapters_answer_under_their_names(endpoint: str) -> None:
    listed = request(endpoint, "/v1/models", key=KEY).json()["data"]
    assert [model["id"] for model in listed] == ["demo", "own"]
    for name in ("demo", "own"):
        answer = request(endpoint, "/v1/completions", completion(name), key=KEY)
        assert answer.status_code == httpx.codes.OK, answer.text
        assert answer.json()["choices"][0]["text"]
        assert answer.json()["usage"]["completion_tokens"] == 8
    question = {"model": "demo", "messages": [{"role": "user", "content": "Who?"}], "max_tokens": 4}
    assert request(endpoint, "/v1/chat/completions", question, key=KEY).status_code == httpx.codes.OK


def test_the_key_is_wanted_and_stands_in_no_argument(served: EngineSandbox, endpoint: str) -> None:
    assert request(endpoint, "/v1/models").status_code == httpx.codes.UNAUTHORIZED
    assert request(endpoint, "/v1/completions", completion("demo"), key="wrong").status_code == 401
    assert request(endpoint, "/health").status_code == httpx.codes.OK
    assert all(KEY not in " ".join(process.cmdline()) for process in served.processes())


def test_the_engine_s_own_program_answers_and_nothing_of_ours_before_it(served: EngineSandbox, endpoint: str) -> None:
    """The supervisor's child is ``vllm serve``, and that process itself has the port."""
    engine = served.engine()
    argv = engine.cmdline()
    assert argv[1:3] == [str(engine_environment() / "bin" / "vllm"), "serve"]
    assert "--max-num-seqs=4" in argv, "the config's flags are in the command"
    ports = {found.laddr.port: found.laddr.ip for found in engine.net_connections("tcp") if found.status == "LISTEN"}
    assert ports[int(endpoint.rpartition(":")[2])] == "127.0.0.1"
    everybody = [engine, *engine.children(recursive=True)]
    open_to_all = [
        found.laddr
        for process in everybody
        for found in process.net_connections("tcp")
        if found.status == "LISTEN" and found.laddr.ip in ("0.0.0.0", "::")
    ]
    assert open_to_all == []


def test_an_answer_under_way_is_finished_when_the_workspace_goes(served: EngineSandbox, endpoint: str) -> None:
    """It is the last test of this server: SIGTERM lets the engine finish, and takes no new request."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(request, endpoint, "/v1/completions", completion("demo", 400), KEY)
        wait_until(lambda: _running(endpoint) > 0, "the answer is under way", 60)
        served.ok("delete", "mine")
        answer = asked.result()
    assert answer.status_code == httpx.codes.OK
    assert answer.json()["usage"]["completion_tokens"] == 400
    served.wait_until_idle("with the engine's own processes")


def test_an_engine_that_dies_while_it_starts_says_why(tmp_path: Path) -> None:
    """The cause is told by a child of the engine, and not in the last line of the log."""
    sandbox = EngineSandbox(tmp_path)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(flags=f"{PLAIN}, num-gpu-blocks-override: 1"))
        wait_until(lambda: "Error" in sandbox.condition("InferenceReady").get("message", ""), "it says why", START_S)
        said = sandbox.condition("InferenceReady")
        assert said["status"] == "False"
        assert "ValueError: No available memory for the cache blocks" in said["message"]
    finally:
        sandbox.close()


def _running(endpoint: str) -> float:
    """Return the number of requests that the engine works on, by its own metric."""
    text = request(endpoint, "/metrics").text
    lines = [line for line in text.splitlines() if line.startswith("vllm:num_requests_running")]
    return sum(float(line.rpartition(" ")[2]) for line in lines)
