"""Laws of a runtime's server, which is started for real: with a small model, on the processor of this machine."""

from __future__ import annotations

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
from llmwright.plugins.installing import pip_install
from llmwright.plugins.launch_faults import Core
from llmwright.plugins.registry import Registry
from llmwright.testing.adapters import write_adapter
from llmwright.testing.endpoints import EndpointContract
from llmwright.testing.http_answers import Client
from llmwright.testing.launches import faults
from llmwright.testing.presets import make_fit
from llmwright.testing.processes import HOLD, Machine, Running, free_port
from llmwright.testing.runtime_objects import RuntimeObjectsContract
from llmwright.testing.served_model import CHAT, QUESTION, ServedModel
from llmwright.testing.supervised_launches import Supervised, port_of
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch, SecretKey
from llmwright.values.preset import Preset

KEY = "a-key-of-the-contract"
KEY_VARIABLE = "LLMWRIGHT_API_KEY"


@dataclass(frozen=True)
class Server:
    """A server that runs, and a client that has its key."""

    running: Running
    client: Client


class ServedRuntimeContract(EndpointContract, RuntimeObjectsContract):
    """Laws of the process that serves. They hold for runtimes that serve on a processor of one machine.

    The model is the preset ``demo`` of llmwright-presets; another is given by the fixture ``served_preset``.
    """

    @pytest.fixture
    def served_preset(self) -> Preset:
        """A model of a few MB that the runtime can load here."""
        preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).find_preset("demo")
        if preset is None:
            bringing = pip_install("llmwright-presets")
            pytest.skip(f"no model to start it with: {bringing}, or give the fixture 'served_preset'")
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
    def serves_here(self, driver: Runtime) -> bool:
        """Whether it serves on this machine's processor. With ``cpu_locally`` the test says whether its build can."""
        return driver.capabilities.cpu

    @pytest.fixture
    def served_launch(
        self,
        driver: Runtime,
        served_preset: Preset,
        served_adapters: tuple[Adapter, ...],
        config: Any,
        serves_here: bool,
    ) -> Launch:
        """The Launch that is started."""
        if "local" not in driver.targets or not (driver.capabilities.cpu or driver.capabilities.cpu_locally):
            pytest.skip("it does not serve on a processor of one machine, so nothing is started here")
        if not serves_here:
            pytest.skip("on a processor only some builds of it serve: where yours does, give the fixture 'serves_here'")
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

    @pytest.fixture
    def served(
        self,
        driver: Runtime,
        served_launch: Launch,
        server: Server,
        served_preset: Preset,
        served_adapters: tuple[Adapter, ...],
    ) -> ServedModel:
        """The server, as the laws of its answers see it."""
        names = tuple(adapter.name for adapter in served_adapters)
        keeps = keeps_key(driver, served_launch)
        context = served_fit(served_preset).context
        able, load = driver.capabilities, driver.load_metrics
        return ServedModel(server.client, served_preset.name, names, able, keeps, context, load)

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

    def test_it_listens_on_the_given_host_alone(self, server: Server) -> None:
        """On one machine ``$(host)`` is loopback: the server answers there, and on no other address."""
        if not sys.platform.startswith("linux"):
            pytest.skip("other systems have one address of loopback")
        with socket.socket() as probe:
            probe.settimeout(5)
            refused = probe.connect_ex(("127.0.0.2", server.client.port))
        assert refused, "it listens on every address: bind $(host)"

    def test_it_keeps_its_secrets(
        self, driver: Runtime, served_launch: Launch, server: Server, served_preset: Preset
    ) -> None:
        """A server that keeps a key tells strangers of no model, and writes the key nowhere."""
        if not keeps_key(driver, served_launch):
            return
        status = replace(server.client, key="").get("/v1/models").status
        assert status in (401, 403), f"GET /v1/models without the key is answered with {status}"
        server.client.post(CHAT, {"model": served_preset.name, "messages": QUESTION, "max_tokens": 2})
        assert KEY not in server.running.text, "it writes its key into its log"

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
            first = next(lines, None)
            assert first is not None, "the stream of an answer is empty"
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
