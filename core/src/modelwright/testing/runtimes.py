"""Laws of runtimes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from modelwright.plugins.discovery import Kind
from modelwright.plugins.drivers import Names, Runtime
from modelwright.testing.drivers import DriverContract
from modelwright.testing.launches import Core, as_json, faults, volumes_in
from modelwright.testing.presets import make_adapter
from modelwright.testing.purity import CANARY, twice_alike
from modelwright.values.adapter import Adapter
from modelwright.values.fit import Fit
from modelwright.values.launch import HttpGet, Launch
from modelwright.values.preset import Preset


class RuntimeContract(DriverContract):
    """What holds for every runtime. The subclass gives the fixture ``driver``."""

    kind: ClassVar[Kind] = "runtime"

    @pytest.fixture
    def adapters(self, driver: Runtime) -> tuple[Adapter, ...]:
        """Adapters to serve, none where the runtime serves none."""
        return (make_adapter(),) if driver.capabilities.adapters else ()

    @pytest.fixture
    def launch(self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """What the runtime launches for all of the above."""
        return driver.launch(preset, fit, adapters, config)

    def test_launch_is_pure(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """The same arguments give an equal Launch; no network, clock, file or environment variable is read."""
        launch = twice_alike(driver.launch, preset, fit, adapters, config)
        assert CANARY not in as_json(launch)

    def test_launch_is_sound(self, launch: Launch, adapters: tuple[Adapter, ...]) -> None:
        """Volumes, ports and mounts referred to are declared; argv are strings; images are roles; no secret's value.

        The volumes of adapters and the volume ``config`` are the core's to declare and to mount.
        """
        given = frozenset(name for adapter in adapters for name in volumes_in(adapter.path)) | {"config"}
        found = faults(launch, Core(declares=given, mounts=given))
        assert not found, "\n".join(found)

    def test_launch_is_json(self, launch: Launch) -> None:
        """A Launch can be written down: into a status, a manifest, a file of the local target."""
        assert as_json(launch)

    def test_answers_health_on_http(self, launch: Launch) -> None:
        """There is a port ``http``, and readiness is ``GET /health`` on it."""
        assert "http" in launch.ports
        assert launch.main.ready is not None, "the main process has no readiness probe"
        assert launch.main.ready.check == HttpGet("/health", "http")

    def test_serves_under_the_preset_s_name(
        self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any
    ) -> None:
        """Requests name the preset by its name, so what is launched is told that name."""
        other = replace(preset, name="another-name")
        assert "another-name" in as_json(driver.launch(other, fit, adapters, config))

    def test_serves_adapters_under_their_names(self, driver: Runtime, preset: Preset, fit: Fit, config: Any) -> None:
        """A runtime that says it serves adapters is told each one's name and path."""
        if driver.capabilities.adapters:
            adapter = make_adapter(name="one-of-a-kind")
            text = as_json(driver.launch(preset, fit, (adapter,), config))
            assert "one-of-a-kind" in text
            assert adapter.path in text
            assert "one-of-a-kind" not in as_json(driver.launch(preset, fit, (), config))

    def test_refuses_with_a_reason(self, driver: Runtime, preset: Preset, fit: Fit) -> None:
        """``refuses`` is pure and answers None, or why not in words; what it can work with it does not refuse."""
        assert twice_alike(driver.refuses, preset, fit) is None
        huge = replace(preset, name="huge", parameters=10**13, weight_bytes=2 * 10**13)
        refusal = twice_alike(driver.refuses, huge, fit)
        assert refusal is None or refusal.strip()

    def test_objects_are_kubernetes_objects(self, driver: Runtime, launch: Launch) -> None:
        """Further objects are pure data with apiVersion, kind and a name, of kinds that are watched."""
        objects = twice_alike(driver.objects, launch, Names("demo", "default"))
        for found in objects:
            assert as_json(found)
            assert found["apiVersion"]
            assert found["kind"]
            assert found["metadata"]["name"].startswith("demo")
        assert all(watch.version and watch.plural for watch in driver.watches())
