"""Laws of a runtime's server, which is started for real: with a small model, on the processor of this machine."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.launch_faults import Core
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter
from llmwright.testing.http_answers import Client
from llmwright.testing.launches import faults
from llmwright.testing.presets import make_fit
from llmwright.testing.processes import HOLD, Machine, Running, free_port
from llmwright.testing.runtime_objects import RuntimeObjectsContract
from llmwright.testing.supervised_launches import Supervised, port_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch, SecretKey
from llmwright.values.preset import Preset

KEY = "a-key-of-the-contract"
KEY_VARIABLE = "LLMWRIGHT_API_KEY"
CHAT = "/v1/chat/completions"
QUESTION = [{"role": "user", "content": "What colour is the ship Hollow Crown? Say it in one or two words."}]
METRIC = re.compile(r"(#.*|[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? [-+0-9.eE]+(inf|Inf|nan|NaN)?( \d+)?|)")


@dataclass(frozen=True)
class Server:
    """A server that runs, and a client that has its key."""

    running: Running
    client: Client


class ServedRuntimeContract(RuntimeObjectsContract):
    """Laws of the process that serves. They hold for runtimes that serve on a processor of one machine.

    The model is the preset ``demo`` of llmwright-presets; another is given by the fixture ``served_preset``.
    """

    @pytest.fixture
    def served_preset(self) -> Preset:
        """A model of a few MB that the runtime can load here."""
        preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).find_preset("demo")
        if preset is None:
            pytest.skip("no model to start it with: pip install llmwright-presets, or give the fixture 'served_preset'")
        return preset

    @pytest.fixture
    def served_adapters(self, driver: Runtime, served_preset: Preset, tmp_path: Path) -> tuple[Adapter, ...]:
        """Two adapters for that model; none where the runtime serves none."""
        sizes = served_preset.architecture
        if not driver.capabilities.adapters or sizes is None:
            return ()
        strength = 1.0 if driver.capabilities.adapter_strength else None
        return tuple(
            Adapter(name=name, path=str(write_adapter(tmp_path / "adapters" / name, sizes, value)), strength=strength)
            for name, value in (("first-adapter", 0.01), ("second-adapter", -0.01))
        )

    @pytest.fixture
    def served_launch(
        self, driver: Runtime, served_preset: Preset, served_adapters: tuple[Adapter, ...], config: Any
    ) -> Launch:
        """The Launch that is started."""
        if "local" not in driver.targets or not driver.capabilities.cpu:
            pytest.skip("it does not serve on a processor of one machine, so nothing is started here")
        fit = served_fit(served_preset)
        refusal = driver.refuses(served_preset, fit)
        if refusal is not None:
            pytest.skip(f"it refuses the model of this law: {refusal}")
        launch = driver.launch(served_preset, fit, served_adapters, config)
        # Else each law waits for a server that listens elsewhere.
        problems = faults(launch, Core(declares=frozenset({"config"})))
        assert not problems, "launch: " + "\n".join(problems)
        return launch

    @pytest.fixture
    def server(self, request: pytest.FixtureRequest, served_launch: Launch, tmp_path: Path) -> Server:
        """A server with a key, one for all laws of a class; started again where a law ended it."""
        holder = request.node.getparent(pytest.Class)
        server: Server | None = getattr(holder, "llmwright_server", None)
        if server is None or server.running.child.exit_code() is not None:
            server = started(Machine(tmp_path / "server", environ={KEY_VARIABLE: KEY}), served_launch, KEY)
            holder.llmwright_server = server
            holder.addfinalizer(server.running.kill)
        return server

    def test_its_weights_come_before_health(self, served_launch: Launch, served_preset: Preset, tmp_path: Path) -> None:
        """While the weights are read, ``GET /health`` does not answer 200: whoever is ready is asked at once."""
        model = served_preset.source.removeprefix("file://")
        signs = tmp_path / "signs"
        signs.mkdir()
        environ = {"LLMWRIGHT_HOLD_MODEL": model, "LLMWRIGHT_HOLD_SIGNS": str(signs)}
        machine = Machine(tmp_path / "held", environ=environ, first_on_path=(str(HOLD),))
        port = free_port(machine.host)
        running = start(machine, served_launch, port)
        client = Client(machine.host, port)
        try:
            running.until(lambda: (signs / "held").exists() or client.is_healthy(), "it reads its weights")
            early = any(client.is_healthy() for _ in pauses(10))
            held = any((signs / "held").exists() for _ in pauses(100 if early else 1))
            (signs / "go").touch()
            if not held:
                pytest.skip("its load cannot be held up: no Python process opens the model's files")
            assert not early, "/health answers 200 before the weights are read: answer it once the model answers"
            running.until(client.is_healthy, "/health answers 200")
        finally:
            running.kill()

    def test_it_lists_what_it_serves(
        self, server: Server, served_preset: Preset, served_adapters: tuple[Adapter, ...]
    ) -> None:
        """``GET /v1/models`` is JSON with the preset's name and each adapter's."""
        answer = server.client.get("/v1/models")
        assert answer.status == 200, f"GET /v1/models answers {answer.status}"
        assert "json" in answer.kind, f"GET /v1/models is {answer.kind!r}, not application/json"
        names = [model.get("id") for model in (answer.json or {}).get("data", [])]
        for name in (served_preset.name, *(adapter.name for adapter in served_adapters)):
            assert name in names, f"GET /v1/models lacks {name}: {names}"

    def test_it_answers_under_each_name(
        self, server: Server, served_preset: Preset, served_adapters: tuple[Adapter, ...]
    ) -> None:
        """``POST /v1/chat/completions`` answers for the preset's name and for each adapter's, as OpenAI has it."""
        for name in (served_preset.name, *(adapter.name for adapter in served_adapters)):
            answer = server.client.post(CHAT, {"model": name, "messages": QUESTION, "max_tokens": 8})
            assert answer.status == 200, f"a request for {name} has the answer {answer.status}: {answer.body[:200]!r}"
            assert "json" in answer.kind, f"an answer is {answer.kind!r}, not application/json"
            choices = (answer.json or {}).get("choices") or [{}]
            message = choices[0].get("message", {})
            assert isinstance(message.get("content"), str), f"choices[0] has no message.content: {answer.body[:200]!r}"
            assert message.get("role") == "assistant", "choices[0].message.role is not assistant"
            assert choices[0].get("finish_reason"), "choices[0] has no finish_reason"

    def test_it_streams(self, driver: Runtime, server: Server, served_preset: Preset) -> None:
        """With ``streaming``, ``stream: true`` sends events of ``text/event-stream``, and ``[DONE]`` as the last."""
        if not driver.capabilities.streaming:
            return
        body = {"model": served_preset.name, "messages": QUESTION, "max_tokens": 8, "stream": True}
        answer = server.client.post(CHAT, body)
        assert answer.status == 200, f"stream: true is answered with {answer.status}"
        assert answer.kind.startswith("text/event-stream"), f"a stream is {answer.kind!r}, not text/event-stream"
        assert answer.events, "a stream has no lines that begin with data:"
        assert answer.events[-1] == "[DONE]", f"a stream ends with {answer.events[-1][:80]!r}, not with [DONE]"
        chunks = [replace_answer(answer, event) for event in answer.events[:-1]]
        assert all(chunk is not None for chunk in chunks), "an event of a stream is no JSON"
        choices = [choice for chunk in chunks for choice in chunk.get("choices", [])]
        texts = [choice.get("delta", {}).get("content") or "" for choice in choices]
        whole = server.client.post(CHAT, {**body, "stream": False, "temperature": 0}).json
        if whole["choices"][0]["message"]["content"]:
            assert "".join(texts), "the deltas of a stream hold no text"

    def test_its_metrics_are_prometheus_text(self, driver: Runtime, server: Server) -> None:
        """Where ``GET /metrics`` answers, it is text that Prometheus reads, with all of ``load_metrics``."""
        answer = server.client.get("/metrics")
        if answer.status != 200:
            assert not driver.load_metrics, f"load_metrics are declared, and GET /metrics is answered {answer.status}"
            return
        assert answer.kind.startswith(("text/plain", "application/openmetrics")), f"GET /metrics is {answer.kind!r}"
        wrong = [line for line in answer.body.decode().splitlines() if METRIC.fullmatch(line) is None]
        assert not wrong, f"GET /metrics has a line that is no metric: {wrong[0][:80]!r}"
        names = {re.split(r"[ {]", line)[0] for line in answer.body.decode().splitlines()}
        missing = [name for name in driver.load_metrics if name not in names]
        assert not missing, f"autoscalers read {missing[0]} (load_metrics), and GET /metrics does not have it"

    def test_a_bad_request_harms_nobody(self, server: Server, served_preset: Preset) -> None:
        """A request that is no JSON, or no conversation, is refused; the next request is answered."""
        for body in (b"{", b"[]", b'{"messages": 5}'):
            with contextlib.suppress(OSError):
                status = server.client.post(CHAT, body).status
                assert status >= 400, f"{body!r} is answered with {status}"
        answer = server.client.post(CHAT, {"model": served_preset.name, "messages": QUESTION, "max_tokens": 2})
        assert answer.status == 200, f"after a bad request the next is answered with {answer.status}"

    def test_health_answers_beside_a_slow_request(self, server: Server) -> None:
        """A request that is under way does not hold up ``/health``: a pod that does not answer it is killed."""
        slow = server.client.half_a_request()
        try:
            answer = server.client.get("/health", 30)
        except OSError:
            raise AssertionError("/health waits for another request: answer requests in threads, or async") from None
        finally:
            slow.close()
        assert answer.status == 200, f"/health answers {answer.status} beside a request"

    def test_it_listens_on_the_given_host_alone(self, server: Server) -> None:
        """On one machine ``$(host)`` is loopback: the server answers there, and on no other address."""
        if not sys.platform.startswith("linux"):
            pytest.skip("other systems have one address of loopback")
        with socket.socket() as probe:
            probe.settimeout(5)
            refused = probe.connect_ex(("127.0.0.2", server.client.port))
        assert refused, "it listens on every address: bind $(host)"

    def test_it_keeps_its_key(
        self, driver: Runtime, served_launch: Launch, server: Server, served_preset: Preset
    ) -> None:
        """A runtime that is given the API key, or says ``api_key``, answers nobody without it but ``/health``."""
        if not keeps_key(driver, served_launch):
            return
        stranger = replace(server.client, key="")
        body = {"model": served_preset.name, "messages": QUESTION, "max_tokens": 2}
        for key in ("", "wrong", KEY[:-1], f"{KEY}-and-more"):
            status = replace(stranger, key=key).post(CHAT, body).status
            assert status in (401, 403), f"a request without the key, with {key!r}, is answered with {status}"
        assert stranger.is_healthy(), "/health asks for the key: nobody gives it to a probe"

    def test_the_supervisor_serves_it(self, served_launch: Launch, served_preset: Preset, tmp_path: Path) -> None:
        """Under the supervisor of one machine it becomes Ready and answers; once it is deleted nothing listens."""
        keeps_key = any(isinstance(value, SecretKey) for value in served_launch.main.env.values())
        environ = {KEY_VARIABLE: KEY} if keeps_key else {}
        with Supervised(tmp_path, served_preset, environ).serving(served_launch) as endpoint:
            client = Client("127.0.0.1", port_of(endpoint), KEY if keeps_key else "")
            answer = client.post(CHAT, {"model": served_preset.name, "messages": QUESTION, "max_tokens": 2})
            assert answer.status == 200, f"under the supervisor a question is answered with {answer.status}"
        assert not client.is_healthy(), "its Workspace is deleted, and it still answers"

    def test_a_taken_port_ends_it_with_an_error(self, served_launch: Launch, tmp_path: Path) -> None:
        """A server that cannot listen ends, with another exit code than 0: then it is started again."""
        machine = Machine(tmp_path / "taken")
        with socket.socket() as taken:
            taken.bind((machine.host, 0))
            taken.listen()
            ended = start(machine, served_launch, taken.getsockname()[1]).ended()
        assert ended.code != 0, "it ends with 0 though its port is taken"

    def test_sigterm_ends_it_after_its_answers(self, driver: Runtime, server: Server, served_preset: Preset) -> None:
        """SIGTERM ends the server, and an answer that has begun is finished before."""
        if driver.capabilities.streaming:
            body = {"model": served_preset.name, "messages": QUESTION, "max_tokens": 64, "stream": True}
            lines = server.client.lines(CHAT, body)
            first = next(lines)
            server.running.signal(signal.SIGTERM)
            try:
                rest = [first, *lines]
            except OSError as error:
                raise AssertionError(f"SIGTERM cuts off an answer that has begun: {error}") from error
            assert any(b"[DONE]" in line for line in rest), "SIGTERM cuts off an answer that has begun"
        else:
            server.running.signal(signal.SIGTERM)
        try:
            ended = server.running.ended(60)
        except AssertionError:
            raise AssertionError("SIGTERM does not end it: a pod is killed after its grace period") from None
        codes = (0, -signal.SIGTERM, 128 + signal.SIGTERM)
        assert ended.code in codes, f"SIGTERM ends it with {ended.code}: {ended.last}"


def keeps_key(driver: Runtime, launch: Launch) -> bool:
    """Return whether the server has to refuse whoever lacks the key."""
    taken = [value.key for value in launch.main.env.values() if isinstance(value, SecretKey)]
    return driver.capabilities.api_key or KEY_VARIABLE in taken


def replace_answer(answer: Any, event: str) -> Any:
    """Return one event of a stream as JSON, None where it is none."""
    return replace(answer, body=event.encode()).json


def started(machine: Machine, launch: Launch, key: str = "") -> Server:
    """Return the server of ``launch`` once it is ready."""
    port = free_port(machine.host)
    running = start(machine, launch, port)
    client = Client(machine.host, port, key)
    try:
        running.until(client.is_healthy, "/health answers 200")
    except AssertionError:
        running.kill()
        raise
    return Server(running, client)


def start(machine: Machine, launch: Launch, port: int) -> Running:
    """Run ``prepare`` and start ``main``, with ``port`` as the port http."""
    for process in launch.prepare:
        ended = machine.run(launch, process)
        assert ended.code == 0, f"{process.name} ends with {ended.code}: {ended.last}"
    ports = {name: port if name == "http" else free_port(machine.host) for name in launch.ports}
    return machine.start(launch, launch.main, ports)


def served_fit(preset: Preset) -> Fit:
    """Return the Fit with which the server is started."""
    return make_fit(context=preset.context, dtype="float32")


def pauses(most: int) -> Iterator[int]:
    """Count to ``most``, with a pause before each: a server may begin to listen after it began to load."""
    for number in range(most):
        time.sleep(0.05)
        yield number
