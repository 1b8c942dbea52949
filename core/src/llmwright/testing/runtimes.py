"""Laws of runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, get_args

import pytest

from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import KaitoRule, Names, Runtime
from llmwright.testing.drivers import DriverContract
from llmwright.testing.launches import Core, as_json, faults, volumes_in
from llmwright.testing.presets import make_adapter
from llmwright.testing.purity import CANARY, twice_alike
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.launch import HttpGet, Launch
from llmwright.values.nodes import Failed, Ready, Watch
from llmwright.values.preset import Preset

POD = {
    "metadata": {"labels": {"kaito.sh/workspace": "demo"}},
    "spec": {"containers": [{"name": "demo", "image": "registry.example/demo:1"}]},
}
NAMES = Names("demo", "default", nodes=1, pod=POD)
"""The names with which the contract asks for objects."""


class RuntimeContract(DriverContract):
    """Laws of runtimes. The subclass gives the fixture ``driver``."""

    kind: ClassVar[Kind] = "runtime"

    @pytest.fixture
    def adapters(self, driver: Runtime) -> tuple[Adapter, ...]:
        """Adapters to serve, none where the runtime serves none."""
        return (make_adapter(),) if driver.capabilities.adapters else ()

    @pytest.fixture
    def launch(self, driver: Runtime, preset: Preset, fit: Fit, adapters: tuple[Adapter, ...], config: Any) -> Launch:
        """The runtime's Launch for all of the above."""
        return driver.launch(preset, fit, adapters, config)

    @pytest.fixture
    def objects(self, driver: Runtime, launch: Launch) -> tuple[Mapping[str, Any], ...]:
        """Its objects beside the Launch, made twice from the same arguments."""
        return tuple(twice_alike(driver.objects, launch, NAMES))

    def test_its_declarations_are_known(self, driver: Runtime) -> None:
        """KAITO's rules are those that the core knows; the section of a config needs the option that takes the file."""
        assert driver.kaito_rules <= set(get_args(KaitoRule))
        assert "listed-presets" not in driver.kaito_rules or driver.listed_as, "presets list it by which name?"
        assert not driver.config_section or driver.config_option, "a section of which file?"

    def test_it_serves_on_some_machine(self, driver: Runtime) -> None:
        """It says that it serves on a GPU, on a processor, or on either."""
        assert driver.capabilities.gpu or driver.capabilities.cpu

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
        volumes = frozenset(name for adapter in adapters for name in volumes_in(adapter.path)) | {"config"}
        problems = faults(launch, Core(declares=volumes, mounts=volumes))
        assert not problems, "\n".join(problems)

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
        """Requests use the preset's name, so the Launch has that name."""
        other = replace(preset, name="another-name")
        assert "another-name" in as_json(driver.launch(other, fit, adapters, config))

    def test_serves_adapters_under_their_names(self, driver: Runtime, preset: Preset, fit: Fit, config: Any) -> None:
        """The Launch of a runtime with adapters has the name and the path of each."""
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

    def test_objects_are_kubernetes_objects(self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]) -> None:
        """Further objects are data with apiVersion, kind and a name that begins with the Workspace's, each once."""
        for manifest in objects:
            assert as_json(manifest)
            assert manifest["apiVersion"]
            assert manifest["kind"]
            assert manifest["metadata"]["name"].startswith(NAMES.workspace)
        named = [(manifest["apiVersion"], manifest["kind"], manifest["metadata"]["name"]) for manifest in objects]
        assert len(named) == len(set(named)), "two objects of one kind and name"

    def test_objects_lie_in_the_workspace_s_namespace(self, objects: tuple[Mapping[str, Any], ...]) -> None:
        """None names another namespace, nor an owner: both are the core's to say."""
        for manifest in objects:
            place = manifest["metadata"].get("namespace", NAMES.namespace)
            assert place == NAMES.namespace, f"{manifest['kind']} names another namespace"
            assert "ownerReferences" not in manifest["metadata"], f"{manifest['kind']} names an owner"

    def test_watches_covers_what_status_speaks_of(
        self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]
    ) -> None:
        """``status`` is pure, and each object that it has a word for is of a kind that ``watches`` names."""
        watched = {(_version(watch), watch.plural) for watch in driver.watches()}
        assert all(watch.version and watch.plural and watch.labels is None for watch in driver.watches())
        for manifest in objects:
            if twice_alike(driver.status, manifest) is not None:
                assert (manifest["apiVersion"], plural_of(manifest["kind"])) in watched, (
                    f"{manifest['kind']} is not watched"
                )

    def test_is_not_ready_before_anything_is_there(
        self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]
    ) -> None:
        """An object without ``status``, as it is when it was just made, is never Ready, nor failed for good."""
        for manifest in objects:
            outcome = driver.status(manifest)
            assert not isinstance(outcome, Ready), f"{manifest['kind']} is ready without a status"
            assert not isinstance(outcome, Failed) or outcome.kind == "transient"

    def test_what_serves_is_there_and_says_so(self, driver: Runtime, objects: tuple[Mapping[str, Any], ...]) -> None:
        """With ``serves_as``, one object of that kind has the Workspace's name, and ``status`` judges it."""
        if driver.serves_as is None:
            return
        version = _version(driver.serves_as)
        serving = [
            manifest
            for manifest in objects
            if manifest["apiVersion"] == version
            and manifest["metadata"]["name"] == NAMES.workspace
            and plural_of(manifest["kind"]) == driver.serves_as.plural
        ]
        assert len(serving) == 1, f"no {driver.serves_as.plural} named {NAMES.workspace}"
        assert driver.status(serving[0]) is not None, "status says nothing about what serves"


def plural_of(kind: str) -> str:
    """A kind's plural, as ``kubectl`` guesses it (``meta.UnsafeGuessKindToResource``)."""
    name = kind.lower()
    if name.endswith("s"):
        return f"{name}es"
    return f"{name[:-1]}ies" if name.endswith("y") else f"{name}s"


def _version(watch: Watch) -> str:
    return f"{watch.group}/{watch.version}" if watch.group else watch.version
