"""Laws of tuners."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from llmwright.errors import Problem
from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import Driver, Tuner
from llmwright.testing.drivers import DriverContract
from llmwright.testing.launches import Core, as_json, faults, process_faults
from llmwright.testing.presets import make_preset, make_tuning_data
from llmwright.testing.purity import CANARY, twice_alike
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

GIVEN = Core(declares=frozenset({"data", "results", "config"}))


class TunerContract(DriverContract):
    """Laws of tuners. The subclass gives the fixture ``driver``."""

    kind: ClassVar[Kind] = "tuner"

    @pytest.fixture
    def data(self) -> TuningData:
        """A data set and where the result goes."""
        return make_tuning_data()

    @pytest.fixture
    def bigger(self, preset: Preset) -> Preset:
        """A preset of the same kind as ``preset`` with more layers and weights."""
        grown = make_preset(scale=4)
        sizes = ("parameters", "weight_bytes", "kv_bytes_per_token", "architecture")
        return replace(preset, **{name: getattr(grown, name) for name in sizes})

    @pytest.fixture
    def launch(self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any) -> Launch:
        """The tuner's Launch for all of the above."""
        return driver.launch(preset, fit, data, config)

    @pytest.fixture
    def asking(self, preset: Preset, fit: Fit, data: TuningData) -> Any:
        """The arguments with which ``effects`` asks."""
        return preset, fit, data

    def effects(self, driver: Driver, options: dict[str, Any], asking: Any) -> str:
        """The Launch and the memory."""
        preset, fit, data = asking
        assert isinstance(driver, Tuner)
        config = driver.configure(options, {})
        return f"{as_json(driver.launch(preset, fit, data, config))} {driver.memory(preset, config)}"

    def test_launch_is_pure(self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any) -> None:
        """The same arguments give an equal Launch; no network, clock, file or environment variable is read."""
        launch = twice_alike(driver.launch, preset, fit, data, config)
        assert CANARY not in as_json(launch)

    def test_launch_is_sound(self, launch: Launch) -> None:
        """Volumes, ports and mounts referred to are declared; argv are strings; images are roles; no secret's value.

        ``data``, ``results`` and ``config`` are the core's to declare, and mounted by the tuner where it uses them.
        """
        problems = faults(launch, GIVEN)
        assert not problems, "\n".join(problems)

    def test_launch_is_json(self, launch: Launch) -> None:
        """A Launch can be written down: into a status, a manifest, a file of the local target."""
        assert as_json(launch)

    def test_reads_data_and_writes_results(self, launch: Launch) -> None:
        """The data set is read from volume ``data`` and the adapter written to volume ``results``, each mounted so."""
        mounts = {mount.volume: mount for mount in launch.main.mounts}
        assert {"data", "results"} <= set(mounts)
        assert not mounts["results"].read_only

    def test_memory_terms_are_whole_bytes(self, driver: Tuner, preset: Preset, config: Any) -> None:
        """Memory is one or more named terms, each a whole number of bytes, none below 0, together above 0; pure."""
        terms = twice_alike(driver.memory, preset, config)
        assert terms
        assert len({term.name for term in terms}) == len(terms)
        assert all(term.name and isinstance(term.bytes, int) and term.bytes >= 0 for term in terms)
        assert sum(term.bytes for term in terms) > 0

    def test_a_bigger_model_needs_no_less(self, driver: Tuner, preset: Preset, bigger: Preset, config: Any) -> None:
        """Each memory term of a bigger model is at least as large, and the sum larger."""
        small = {term.name: term.bytes for term in driver.memory(preset, config)}
        large = {term.name: term.bytes for term in driver.memory(bigger, config)}
        assert small.keys() == large.keys()
        assert {name for name in small if large[name] < small[name]} == set()
        assert sum(large.values()) > sum(small.values())

    def test_check_finds_problems_and_nothing_else(self, driver: Tuner, config: Any) -> None:
        """``check`` is pure and yields Problems; the configuration that is the default has no error."""
        problems = [*twice_alike(driver.check, config)]
        assert all(isinstance(problem, Problem) for problem in problems)
        assert not [problem for problem in problems if problem.severity == "error"]

    def test_inspect_is_sound(
        self, driver: Tuner, preset: Preset, data: TuningData, config: Any, launch: Launch
    ) -> None:
        """The process that reads the data beforehand is pure data and asks for nothing beyond the Launch's volumes."""
        process = twice_alike(driver.inspect, preset, data, config)
        if process is not None:
            problems = [*process_faults(process, launch, GIVEN)]
            assert not problems, "\n".join(problems)
            assert process.gpus == 0

    def test_sample_is_sound(
        self, driver: Tuner, preset: Preset, data: TuningData, config: Any, launch: Launch
    ) -> None:
        """The process that prints questions of the data set is pure data and has the number of questions."""
        process = twice_alike(driver.sample, preset, data, config, 1789)
        if process is not None:
            problems = [*process_faults(process, launch, GIVEN)]
            assert not problems, "\n".join(problems)
            assert any("1789" in part for part in process.argv)
