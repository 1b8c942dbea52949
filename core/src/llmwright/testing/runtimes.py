"""Laws of runtimes."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any, get_args

import pytest

from llmwright.plugins.drivers import Driver, KaitoRule, Runtime
from llmwright.testing.driver_law import assert_alike_in_every_process, assert_remote_code, assert_weights, naming
from llmwright.testing.launches import as_json
from llmwright.testing.presets import make_adapter
from llmwright.testing.purity import CANARY, twice_alike
from llmwright.testing.runtime_adapters import RuntimeAdaptersContract, assert_sound
from llmwright.testing.shapes import fit_shapes, gpu_fit, hub_preset, preset_shapes, registry_preset, served_shapes
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import API_KEY, HttpGet, Launch, SecretKey
from llmwright.values.preset import Preset

PLAUSIBLE = {"process": (2**20, 2**37), "weights": (0.4, 8.5)}
"""Bytes of a program before any tensor; bytes for each weight, be it on several devices or quantised."""

SLOW_ANSWER_S, LATEST_LOOK_S = 10, 300
SLOW_LOAD_S = 600
"""Large weights are read for minutes, from a network disk for longer."""


class RuntimeContract(RuntimeAdaptersContract):
    """Laws of runtimes. The subclass gives the fixture ``driver``."""

    @pytest.fixture
    def adapters(self, driver: Runtime) -> tuple[Adapter, ...]:
        """Adapters to serve, none where the runtime serves none."""
        return (make_adapter(),) if driver.capabilities.adapters else ()

    @pytest.fixture
    def launch(self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """The runtime's Launch for all of the above."""
        return driver.launch(preset, fit, adapters, config)

    def effects(self, driver: Driver, options: dict[str, Any], asking: Any) -> str:
        """The Launch, on the machine of this test and on one with four GPUs."""
        preset, fit = asking
        config = driver.configure(options, {})
        assert isinstance(driver, Runtime)
        machines = [fit, *([gpu_fit(fit, 4)] if driver.capabilities.gpu else [])]
        return "".join(as_json(driver.launch(preset, machine, (), config)) for machine in machines)

    def test_its_declarations_are_known(self, driver: Runtime) -> None:
        """KAITO's rules are those that the core knows."""
        assert driver.kaito_rules <= set(get_args(KaitoRule))
        assert "listed-presets" not in driver.kaito_rules or driver.listed_as, "presets list it by which name?"

    def test_it_serves_on_some_machine(self, driver: Runtime) -> None:
        """It says that it serves on a GPU, on a processor, or on either."""
        assert driver.capabilities.gpu or driver.capabilities.cpu

    def test_launch_is_pure(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """The same arguments give an equal Launch; no network, clock, file or environment variable is read."""
        launch = twice_alike(driver.launch, preset, fit, adapters, config)
        assert CANARY not in as_json(launch)

    def test_every_preset_on_every_machine_gets_a_sound_launch(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """``launch`` can launch all that ``refuses`` lets pass: soundly, purely, and with no memory of other calls.

        Asked with weights on a hub, in a registry and in a directory, an unknown architecture, and every kind of
        machine and quantisation in ``capabilities``.
        """
        shapes = [*served_shapes(driver, preset, fit)]
        launches = {}
        for about, each, machine in shapes:
            with naming(about):
                launches[about] = twice_alike(driver.launch, each, machine, adapters, config)
                assert_sound(launches[about], adapters)
        for about, each, machine in reversed(shapes):
            again = driver.launch(each, machine, adapters, config)
            assert again == launches[about], f"{about}: launch remembers earlier calls, it gave another Launch"

    def test_launch_is_alike_in_every_process(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Another process gives the same Launch: one that depends on the order of a set restarts what runs."""
        calls = {
            about: ("launch", (each, machine, adapters, config))
            for about, each, machine in served_shapes(driver, preset, fit)
        }
        assert_alike_in_every_process(driver, calls)

    def test_weights_reach_the_process(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Weights come from where the preset says: a hub model at its revision, an image that ``prepare`` pulls.

        ``llmwright.plugins.weights.weights_of(preset)`` has all of it: arguments, ``prepare``, volumes and mounts.
        """
        for each in (hub_preset(preset), registry_preset(preset)):
            if driver.refuses(each, fit) is None:
                assert_weights(driver.launch(each, fit, adapters, config), each)

    def test_code_of_the_repository_runs_only_where_it_may(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Remote code is asked for where ``preset.remote_code`` says that the settings allow it, and nowhere else."""
        each = replace(hub_preset(preset), remote_code=True)
        if driver.refuses(each, fit) is None:
            forbidden = driver.launch(replace(each, remote_code=False), fit, adapters, config)
            assert_remote_code(driver.launch(each, fit, adapters, config), forbidden)

    def test_the_planned_context_reaches_the_process(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Memory was reckoned for ``fit.context`` tokens, so the server is limited to them."""
        shorter = driver.launch(preset, replace(fit, context=192), adapters, config)
        assert shorter != driver.launch(preset, replace(fit, context=320), adapters, config), (
            "launch gives the same for 192 and for 320 tokens: pass fit.context to the server"
        )

    def test_quantised_weights_are_asked_for(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Each quantisation in ``capabilities`` changes the Launch: memory was reckoned for it."""
        plain = driver.launch(preset, replace(fit, quantization=None), adapters, config)
        for name in sorted(driver.capabilities.quantizations):
            launch = driver.launch(preset, replace(fit, quantization=name), adapters, config)
            assert launch != plain, f"launch ignores fit.quantization {name!r}, which capabilities has"

    def test_it_takes_the_gpus_of_the_machine(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """The main process asks for ``fit.gpus`` GPUs, none on a machine without; ``capabilities`` says which."""
        for about, each, machine in served_shapes(driver, preset, fit):
            asked = driver.launch(each, machine, adapters, config).main.gpus
            assert asked == machine.gpus, (
                f"{about}: main asks for {asked} GPUs of {machine.gpus}; "
                "pass gpus=fit.gpus, or say in capabilities that it uses none"
            )

    def test_several_machines_have_ranks(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """With ``multi_node`` a Fit of two machines has ``ranks`` for two; without it a Launch has none."""
        if not driver.capabilities.multi_node:
            assert driver.launch(preset, fit, adapters, config).ranks is None, (
                "ranks, and capabilities has no multi_node"
            )
            return
        several = gpu_fit(fit, 8, nodes=2) if driver.capabilities.gpu else replace(fit, nodes=2)
        large = replace(hub_preset(preset), distributable=True)
        assert driver.refuses(large, several) is None, (
            "capabilities has multi_node, and refuses says no to two machines"
        )
        ranks = driver.launch(large, several, adapters, config).ranks
        assert ranks is not None, "capabilities has multi_node, and the Launch for two machines has no ranks"
        assert ranks.count == several.nodes, f"ranks for {ranks.count} machines of {several.nodes}"

    def test_binds_the_host_and_port_that_it_is_given(self, driver: Runtime, launch: Launch) -> None:
        """Some process has ``$(host)`` and ``$(port.http)``: a pod is reached on all interfaces, a machine by loopback.

        A runtime for clusters alone may leave both to its image. None names an address that no pod is reached by.
        """
        parts = [part for process in launch.processes for part in (*process.argv, *process.env.values())]
        texts = [text for text in parts if isinstance(text, str)]
        alone = [text for text in texts if re.search(r"(^|[=/@])(127\.0\.0\.1|localhost|::1)(:|/|$)", text)]
        assert not alone, f"{alone[0]} is reached by no other pod: write $(host)"
        if "local" in driver.targets:
            for reference in ("$(host)", "$(port.http)"):
                assert any(reference in text for text in texts), f"no process has {reference}"

    def test_a_slow_load_is_not_killed(self, launch: Launch) -> None:
        """A ``live`` probe waits for a ``startup`` probe that allows at least ten minutes: large weights load long."""
        main = launch.main
        if main.live is None:
            return
        assert main.startup is not None, "main has a live probe and no startup probe: a slow load is killed"
        asked = main.startup.check
        assert not isinstance(asked, HttpGet) or asked.path == "/health", (
            f"main's startup probe asks {asked.path}: if that answers while weights are read, the live probe kills it"
        )
        allowed = main.startup.initial_delay_s + main.startup.period_s * main.startup.failure_threshold
        assert allowed >= SLOW_LOAD_S, f"main's startup probe gives up after {allowed} s; allow {SLOW_LOAD_S} s"

    def test_it_takes_the_key_that_it_keeps(self, driver: Runtime, launch: Launch) -> None:
        """With ``api_key`` the main process has ``API_KEY`` of ``llmwright.values.launch``: no other is there."""
        if driver.capabilities.api_key:
            taken = [value for value in launch.main.env.values() if isinstance(value, SecretKey)]
            assert API_KEY in taken, (
                f"capabilities has api_key, and main's env has {taken or 'no secret'}: write API_KEY of "
                "llmwright.values.launch, which need not be there"
            )

    def test_its_memory_is_in_bytes(self, driver: Runtime, preset: Preset, fit: Fit, config: Any) -> None:
        """``memory`` names terms, each a whole number of bytes; a process has MiB, weights some bytes for each."""
        for about, each, machine in served_shapes(driver, preset, fit):
            with naming(about):
                terms = twice_alike(driver.memory, each, machine, config)
                assert len({term.name for term in terms}) == len(terms), "two terms of memory have one name"
                for term in terms:
                    whole = type(term.bytes) is int and term.bytes >= 0
                    assert whole, f"memory: {term.name} is {term.bytes!r}, not a whole number of bytes"
                    least, most = PLAUSIBLE.get(term.name, (0, 2**60))
                    each_weight = term.bytes / each.parameters if term.name == "weights" else term.bytes
                    assert least <= each_weight <= most, f"memory: {term.name} is {term.bytes}; is it in bytes?"

    def test_it_holds_no_more_adapters_than_there_are(self, driver: Runtime, config: Any) -> None:
        """``held_adapters`` is pure, and of none it holds none, of some at least one: memory is reckoned for them."""
        for number in (0, 1, 3, 100):
            held = twice_alike(driver.held_adapters, number, config)
            assert type(held) is int, f"held_adapters of {number} is {held!r}, and no whole number"
            assert min(number, 1) <= held <= number, f"held_adapters of {number} adapters is {held}"

    def test_it_takes_its_own_options_for_its_own_preset(self, driver: Runtime, preset: Preset, config: Any) -> None:
        """``check`` is pure, and has nothing against what the other laws start."""
        problems = twice_alike(lambda *given: tuple(driver.check(*given)), preset, config)
        assert problems == (), f"check refuses the preset and the options of this test: {problems}"

    def test_its_notes_are_sentences(self, driver: Runtime, preset: Preset, fit: Fit, config: Any) -> None:
        """``notes`` is pure and answers sentences in a tuple: each is a line of the plan."""
        other = replace(preset, tool_call_parser="no-such-format", reasoning_parser="no-such-format")
        for each in (preset, other):
            notes = twice_alike(driver.notes, each, fit, config)
            assert isinstance(notes, tuple), f"notes answered {notes!r}, and no tuple of sentences"
            assert all(isinstance(note, str) and note.strip() for note in notes), f"notes answered {notes!r}"

    def test_one_slow_answer_kills_nobody(self, launch: Launch) -> None:
        """A ``live`` probe by HTTP that fails for less than ten seconds kills nothing: a busy server is alive."""
        live = launch.main.live
        if live is not None and isinstance(live.check, HttpGet):
            allowed = live.period_s * live.failure_threshold
            assert allowed >= SLOW_ANSWER_S, (
                f"main's live probe gives up after {allowed} s; allow {SLOW_ANSWER_S} s, by failure_threshold"
            )

    def test_launch_is_sound(self, launch: Launch, adapters: tuple[Adapter, ...]) -> None:
        """Volumes, ports and mounts referred to are declared; argv are strings; images are roles; no secret's value.

        The volumes of adapters and the volume ``config`` are the core's to declare and to mount.
        """
        assert_sound(launch, adapters)

    def test_images_are_listed(self, driver: Runtime, launch: Launch) -> None:
        """A driver that lists its images lists the role of every process: a mirror lacks what is not in the list."""
        listed, used = twice_alike(driver.images), {process.image for process in launch.processes}
        assert not listed or used <= {*listed}, f"images() lacks {', '.join(sorted(used - {*listed}))}"
        named = {role: image for role, image in launch.images.items() if role in used}
        assert not listed or named.items() <= listed.items(), f"images() differs from the Launch's {named}"

    def test_launch_is_json(self, launch: Launch) -> None:
        """A Launch can be written down: into a status, a manifest, a file of the local target."""
        assert as_json(launch)

    def test_answers_health_on_http(self, launch: Launch) -> None:
        """There is a port ``http``, and readiness is ``GET /health`` on it."""
        assert "http" in launch.ports
        assert launch.main.ready is not None, "the main process has no readiness probe"
        assert launch.main.ready.check == HttpGet("/health", "http")
        first = launch.main.ready.initial_delay_s + launch.main.ready.period_s
        assert first <= LATEST_LOOK_S, f"readiness is asked only after {first} s: a server that is up waits"

    def test_serves_under_the_preset_s_name(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Requests use the preset's name, so the Launch has that name."""
        other = replace(preset, name="another-name")
        assert "another-name" in as_json(driver.launch(other, fit, adapters, config))

    def test_served_names_are_known(
        self, driver: Runtime, preset: Preset, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """``served_names`` is pure, and has the preset's name and then the adapters'."""
        names = twice_alike(driver.served_names, preset, adapters, config)
        assert names == (preset.name, *(adapter.name for adapter in adapters)), f"served_names answered {names!r}"

    def test_its_program_is_the_one_that_it_starts(self, driver: Runtime, launch: Launch) -> None:
        """On one machine the main process begins with ``program``, else with ``$(python)``."""
        if "local" in driver.targets:
            assert launch.main.argv[0] == (driver.program() or "$(python)"), (
                f"main starts {launch.main.argv[0]!r}: return that from program, or start $(python)"
            )

    def test_refuses_with_a_reason(self, driver: Runtime, preset: Preset, fit: Fit) -> None:
        """``refuses`` is pure and answers None, or why not in words; what it can work with it does not refuse."""
        refusal = twice_alike(driver.refuses, preset, fit)
        assert refusal is None, f"refuses says no to the preset and the machine of this test: {refusal}"
        huge = replace(preset, name="huge", parameters=10**13, weight_bytes=2 * 10**13)
        # Machines of any kind and number: where it says no, it says why.
        machines = {**fit_shapes(None, fit), **fit_shapes(driver.capabilities, fit)}
        machines |= {"two machines": replace(fit, nodes=2), "two machines with GPUs": gpu_fit(fit, 8, nodes=2)}
        for about, each in {**preset_shapes(preset), "a huge preset": huge}.items():
            for where, machine in machines.items():
                with naming(f"{about}, {where}"):
                    refusal = twice_alike(driver.refuses, each, machine)
                assert refusal is None or (isinstance(refusal, str) and refusal.strip()), (
                    f"refuses answered {refusal!r}: None, or why not in words"
                )
