"""The runtime ``vllm`` on one machine: the real engine, its CPU build, with the demo model."""

from __future__ import annotations

import contextlib
import json
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace
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

pytestmark = [pytest.mark.slow, pytest.mark.engine("vllm"), pytest.mark.timeout(1800)]

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
def further(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with two adapters to load later: ``good``, and ``wrong``, which is of a wider model."""
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    assert preset.architecture is not None
    folder = tmp_path_factory.mktemp("further")
    write_adapter(folder / "good", preset.architecture, 0.01)
    wider = replace(preset.architecture, hidden_size=2 * preset.architecture.hidden_size)
    write_adapter(folder / "wrong", wider, 0.01)
    return folder


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, adapter: Path, further: Path) -> Iterator[EngineSandbox]:
    """The demo model with an adapter and a key, ready."""
    sandbox = EngineSandbox(tmp_path_factory.mktemp("served"), LLMWRIGHT_API_KEY=KEY)
    more = f"{with_adapter(adapter)}  runtimeConfig: {{adapterDirectories: [{further}]}}\n"
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
    for path in ("/chat", "/invocations", "/tokenize"):
        assert request(endpoint, path, completion("demo")).status_code == httpx.codes.UNAUTHORIZED, path
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


def test_chat_answers_as_the_engine_s_own_route_does(endpoint: str) -> None:
    asked = {"prompt": "Who?", "max_tokens": 8, "temperature": 0}
    plain = {"messages": [{"role": "user", "content": "Who?"}], "max_tokens": 8, "temperature": 0}
    for name in ("demo", "own"):
        said = request(endpoint, "/v1/chat/completions", {**plain, "model": name}, KEY).json()
        answer = request(endpoint, "/chat", {**asked, "model": name}, KEY).json()
        assert answer["response"] == answer["Result"] == said["choices"][0]["message"]["content"]
        assert (answer["model"], answer["finish_reason"], answer["usage"]) == (name, "length", said["usage"])
    whole = request(endpoint, "/chat", {**asked, "return_full_text": True}, KEY).json()
    streamed = request(endpoint, "/chat", {**asked, "stream": True, "return_full_text": True}, KEY)
    *chunks, done = [event.removeprefix("data: ") for event in streamed.text.strip().split("\n\n")]
    assert "".join(json.loads(chunk)["response"] for chunk in chunks) == whole["response"]
    assert (json.loads(chunks[-1])["usage"]["completion_tokens"], done) == (8, "[DONE]")
    counted = request(endpoint, "/chat", {"prompt": "Who?", "generate_kwargs": {"max_length": 15}}, KEY).json()
    assert counted["usage"]["total_tokens"] <= 15
    assert request(endpoint, "/chat", {"prompt": "Who?", "promt": "x"}, KEY).status_code == 400


def test_adapters_are_loaded_while_it_runs(endpoint: str, adapter: Path, further: Path) -> None:
    def load(name: str, path: Path) -> httpx.Response:
        return request(endpoint, "/v1/load_lora_adapter", {"lora_name": name, "lora_path": str(path)}, KEY)

    assert request(endpoint, "/v1/load_lora_adapter", {"lora_name": "a", "lora_path": "/a"}).status_code == 401
    assert load("elsewhere", adapter).status_code == httpx.codes.FORBIDDEN
    assert request(endpoint, "/adapters", {"name": "a", "src": str(adapter)}, KEY).status_code == 404
    wrong = load("wrong", further / "wrong")
    assert wrong.status_code == httpx.codes.BAD_REQUEST
    assert "size mismatch" in wrong.json()["error"]["message"]
    assert load("later", further / "good").status_code == httpx.codes.OK
    assert request(endpoint, "/v1/completions", completion("later"), KEY).status_code == httpx.codes.OK
    listed = request(endpoint, "/v1/models", key=KEY).json()["data"]
    assert [model["id"] for model in listed] == ["demo", "own", "later"]
    assert request(endpoint, "/v1/unload_lora_adapter", {"lora_name": "later"}, KEY).status_code == httpx.codes.OK
    assert request(endpoint, "/v1/completions", completion("later"), KEY).status_code == httpx.codes.NOT_FOUND


@pytest.mark.parametrize("part", ["core", "server"])
def test_a_part_of_the_engine_that_dies_takes_no_request_with_it_for_ever(served: EngineSandbox, part: str) -> None:
    """A request under way gets an error, the engine is started again, and says so in the status."""
    engine = served.engine()
    family = engine.children(recursive=True)
    victim = engine if part == "server" else next(each for each in family if "EngineCore" in "".join(each.cmdline()))
    with under_way(str(served.get()["status"]["endpoint"])) as lines:
        victim.kill()
        assert is_broken_off(lines)
    wait_until(lambda: served.condition("WorkspaceReady").get("status") == "False", "the loss is seen", 120)
    wait_until(lambda: not any(each.is_running() for each in (engine, *family)), "nothing of it is left", 120)
    wait_until(lambda: served.condition("WorkspaceReady").get("status") == "True", "it answers again", START_S)
    assert (
        request(str(served.get()["status"]["endpoint"]), "/v1/completions", completion("own"), KEY).status_code == 200
    )


def test_an_answer_under_way_is_finished_when_the_workspace_goes(served: EngineSandbox) -> None:
    """It is the last test of this server: SIGTERM lets the engine finish, and takes no new request."""
    with under_way(str(served.get()["status"]["endpoint"])) as lines:
        served.ok("delete", "mine")
        *_, usage, done = [line.removeprefix("data: ") for line in lines if line]
    assert (json.loads(usage)["usage"]["completion_tokens"], done) == (400, "[DONE]")
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


def test_a_value_that_the_engine_refuses_is_told_in_its_words(tmp_path: Path) -> None:
    flags, words = f"{PLAIN}, max-num-batched-tokens: 1", "max_num_batched_tokens"
    sandbox = EngineSandbox(tmp_path)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(flags=flags))
        wait_until(lambda: words in sandbox.condition("InferenceReady").get("message", ""), "it says why", START_S)
    finally:
        sandbox.close()


def test_an_adapter_of_another_model_is_refused_before_anything_starts(tmp_path: Path, further: Path) -> None:
    sandbox = EngineSandbox(tmp_path)
    try:
        refused = sandbox.run("apply", "-f", sandbox.serve_by_engine(more=with_adapter(further / "wrong")))
        assert refused.code == 2
        assert "adapter own does not fit demo: size mismatch" in refused.err
        assert sandbox.processes() == []
    finally:
        sandbox.close()


def test_an_adapter_that_is_exchanged_meanwhile_is_told_in_the_engine_s_words(tmp_path: Path, further: Path) -> None:
    """The engine reads it long after it was checked."""
    sandbox, own = EngineSandbox(tmp_path), tmp_path / "own"
    shutil.copytree(further / "good", own)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine(more=with_adapter(own)))
        shutil.copytree(further / "wrong", own, dirs_exist_ok=True)
        wait_until(lambda: "size of tensor" in sandbox.condition("InferenceReady").get("message", ""), "so", START_S)
    finally:
        sandbox.close()


def with_adapter(folder: Path) -> str:
    """Return the lines of ``inference`` that serve the adapter in ``folder`` as ``own``."""
    return f"  adapters:\n    - source: {{name: own, volumeSource: {{hostPath: {{path: {folder}}}}}}}\n"


def test_a_port_that_somebody_takes_meanwhile(tmp_path: Path) -> None:
    """The engine imports for a while before it binds its port. Whoever takes it then is named, and it starts on."""
    sandbox = EngineSandbox(tmp_path)
    try:
        sandbox.ok("apply", "-f", sandbox.serve_by_engine())
        port = wait_until(lambda: _port_of(sandbox), "the engine starts", 60)
        with socket.socket() as thief:
            thief.bind(("127.0.0.1", port))
            thief.listen()
            wait_until(lambda: _port_of(sandbox) not in (None, port), "it starts on another port", START_S)
    finally:
        sandbox.close()


def _port_of(sandbox: EngineSandbox) -> int | None:
    """Return the port in the engine's arguments, None while there is no engine."""
    try:
        words = [word for word in sandbox.engine().cmdline() if word.startswith("--port=")]
    except (ValueError, psutil.Error):
        return None
    return int(words[0].partition("=")[2]) if words else None


@contextlib.contextmanager
def under_way(endpoint: str) -> Iterator[Iterator[str]]:
    """Ask for 400 tokens, and yield the lines of the stream once the first has come."""
    body = {**completion("demo", 400), "stream": True, "stream_options": {"include_usage": True}}
    headers = {"Authorization": f"Bearer {KEY}"}
    url = f"{endpoint}/v1/completions"
    with httpx.stream("POST", url, json=body, headers=headers, timeout=60, trust_env=False) as response:
        lines = response.iter_lines()
        assert next(lines).startswith("data: {")
        yield lines


def is_broken_off(lines: Iterator[str]) -> bool:
    """Whether a stream ends with an error, and not by a wait of 60 s."""
    try:
        return any('"error"' in line for line in lines)
    except httpx.TransportError as error:
        return not isinstance(error, httpx.TimeoutException)
