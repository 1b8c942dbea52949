"""The runtime ``vllm`` on one machine: the real engine, its CPU build, with the demo model."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from tests.e2e.support.engine_sandbox import (
    KEY,
    EngineSandbox,
    completion,
    is_broken_off,
    under_way,
    with_adapter,
    write_further,
)
from tests.e2e.support.served_model import request
from tests.e2e.support.swapped_runtime import START_S
from tests.support.engine import engine_environment
from tests.support.waiting import wait_until

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm"), pytest.mark.timeout(1800)]

STREAMS = 4
"""As many as the engine here computes at once."""


@pytest.fixture(scope="module")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An adapter of the demo model."""
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    assert preset.architecture is not None
    return write_adapter(tmp_path_factory.mktemp("adapter") / "own", preset.architecture, 0.01)


@pytest.fixture(scope="module")
def further(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with adapters to load later."""
    return write_further(tmp_path_factory.mktemp("further"))


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
    # One answer of 400 tokens can be whole within a second, before anything is killed.
    with under_way(str(served.get()["status"]["endpoint"]), n=64, temperature=1) as lines:
        victim.kill()
        assert is_broken_off(lines)
    wait_until(lambda: served.condition("WorkspaceReady").get("status") == "False", "the loss is seen", 120)
    wait_until(lambda: not any(each.is_running() for each in (engine, *family)), "nothing of it is left", 120)
    wait_until(lambda: served.condition("WorkspaceReady").get("status") == "True", "it answers again", START_S)
    assert (
        request(str(served.get()["status"]["endpoint"]), "/v1/completions", completion("own"), KEY).status_code == 200
    )


def test_answers_under_way_are_finished_when_the_workspace_goes(served: EngineSandbox) -> None:
    """They are the last tests of this server: SIGTERM lets the engine finish, also what waits, and takes no more."""
    endpoint = str(served.get()["status"]["endpoint"])

    def rest(lines: Iterator[str]) -> tuple[int, str]:
        *_, usage, done = [line.removeprefix("data: ") for line in lines if line]
        return json.loads(usage)["usage"]["completion_tokens"], done

    with contextlib.ExitStack() as open_streams, ThreadPoolExecutor(STREAMS) as pool:
        streams = [open_streams.enter_context(under_way(endpoint)) for _ in range(STREAMS)]
        counted = [pool.submit(rest, lines) for lines in streams]
        served.ok("delete", "mine")
        assert [each.result() for each in counted] == [(400, "[DONE]")] * STREAMS
    served.wait_until_idle("with the engine's own processes")
