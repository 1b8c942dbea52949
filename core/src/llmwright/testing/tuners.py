"""Laws of tuners."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from llmwright.errors import InvalidWorkspace, LLMwrightError, Problem
from llmwright.plugins.drivers import Driver, Tuner
from llmwright.plugins.launch_faults import Core
from llmwright.testing.driver_law import assert_alike_in_every_process, assert_remote_code, assert_weights, naming
from llmwright.testing.launches import as_json, faults, process_faults
from llmwright.testing.options import other_values, properties
from llmwright.testing.presets import make_preset, make_tuning_data
from llmwright.testing.purity import CANARY, twice_alike
from llmwright.testing.shapes import fit_shapes, hub_preset, preset_shapes, registry_preset
from llmwright.testing.tuned_adapters import AdapterContract
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

STEP = 10**9
LEAST_PER_WEIGHT, MOST_PER_WEIGHT, MOST_OF_A_TERM = 0.4, 18.5, 8.5
"""Bytes for each weight of the model."""

SIZE = re.compile(r"rank|^r$|layers|batch|(^|_)length|len$|Length", re.IGNORECASE)
"""Options that set how much is trained at once."""

CONFIG_FILES = ("training_config.yaml",)
GIVEN = Core(declares=frozenset({"data", "results", "config"}))


class TunerContract(AdapterContract):
    """Laws of tuners. The subclass gives the fixture ``driver``."""

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
        """The Launch: an option that only changes the memory is not carried out."""
        preset, fit, data = asking
        assert isinstance(driver, Tuner)
        config = driver.configure(options, {})
        return as_json(driver.launch(preset, fit, data, config))

    def test_launch_is_pure(self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any) -> None:
        """The same arguments give an equal Launch; no network, clock, file or environment variable is read."""
        launch = twice_alike(driver.launch, preset, fit, data, config)
        assert CANARY not in as_json(launch)

    def test_every_preset_on_every_machine_gets_a_sound_launch(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any
    ) -> None:
        """Weights on a hub, in a registry or a directory, an unknown architecture, any machine: all can be tuned.

        Asked for each: ``launch``, ``memory``, ``inspect``, ``sample``; soundly, purely, with no memory of other calls.
        """
        launches = {}
        for about, each in preset_shapes(preset).items():
            with naming(about):
                assert twice_alike(driver.memory, each, config)
                for where, machine in fit_shapes(None, fit).items():
                    launches[about, where] = twice_alike(driver.launch, each, machine, data, config)
                    problems = faults(launches[about, where], GIVEN)
                    assert not problems, f"{where}: launch: " + "\n".join(problems)
                twice_alike(driver.inspect, each, data, config)
                twice_alike(driver.sample, each, data, config, 3)
        for (about, where), launch in reversed(launches.items()):
            again = driver.launch(preset_shapes(preset)[about], fit_shapes(None, fit)[where], data, config)
            assert again == launch, f"{about}, {where}: launch remembers earlier calls, it gave another Launch"

    def test_launch_is_alike_in_every_process(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any
    ) -> None:
        """Another process gives the same Launch and memory: the order of a set differs from one to the next."""
        calls: dict[str, tuple[str, tuple[Any, ...]]] = {}
        for about, each in preset_shapes(preset).items():
            calls[about] = ("launch", (each, fit, data, config))
            calls[f"memory of {about}"] = ("memory", (each, config))
        assert_alike_in_every_process(driver, calls)

    def test_weights_reach_the_process(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any
    ) -> None:
        """Weights come from where the preset says: a hub model at its revision, an image that ``prepare`` pulls.

        ``llmwright.plugins.weights.weights_of(preset)`` has all of it: arguments, ``prepare``, volumes and mounts.
        """
        for each in (hub_preset(preset), registry_preset(preset)):
            assert_weights(driver.launch(each, fit, data, config), each)

    def test_code_of_the_repository_runs_only_where_it_may(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any
    ) -> None:
        """Remote code is asked for where ``preset.remote_code`` says that the settings allow it, and nowhere else."""
        each = replace(hub_preset(preset), remote_code=True)
        forbidden = driver.launch(replace(each, remote_code=False), fit, data, config)
        assert_remote_code(driver.launch(each, fit, data, config), forbidden)

    def test_it_takes_the_gpus_of_the_machine(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any
    ) -> None:
        """The main process asks for ``fit.gpus`` GPUs, none on a machine without."""
        for where, machine in fit_shapes(None, fit).items():
            asked = driver.launch(preset, machine, data, config).main.gpus
            assert asked == machine.gpus, f"{where}: main asks for {asked} GPUs of {machine.gpus}; pass gpus=fit.gpus"

    def test_the_user_s_training_config_is_used_or_refused(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, options: dict[str, Any], config: Any
    ) -> None:
        """A Workspace may name a ConfigMap with a training config: a tuner reads it, or ``configure`` refuses it.

        ``configure`` is given its files; a process finds it at ``data.config_path``.
        """
        try:
            filed = driver.configure(options, dict.fromkeys(CONFIG_FILES, "training_config: {}\n"))
        except LLMwrightError:
            return
        named = replace(data, config_path="$(volume.config)/training_config.yaml")
        launch = driver.launch(preset, fit, named, filed)
        problems = faults(launch, GIVEN)
        assert not problems, "launch: " + "\n".join(problems)
        texts, before = (
            [(process.argv, process.env) for process in each.processes]
            for each in (launch, driver.launch(preset, fit, data, config))
        )
        assert texts != before, (
            "a training config has no effect: pass data.config_path on, or raise InvalidWorkspace in configure"
        )

    def test_launch_is_sound(self, launch: Launch) -> None:
        """Volumes, ports and mounts referred to are declared; argv are strings; images are roles; no secret's value.

        ``data``, ``results`` and ``config`` are the core's to declare, and mounted by the tuner where it uses them.
        """
        problems = faults(launch, GIVEN)
        assert not problems, "launch: " + "\n".join(problems)

    def test_images_are_listed(self, driver: Tuner, launch: Launch) -> None:
        """A driver that lists its images lists the role of every process: a mirror lacks what is not in the list."""
        listed, used = twice_alike(driver.images), {process.image for process in launch.processes}
        assert not listed or used <= {*listed}, f"images() lacks {', '.join(sorted(used - {*listed}))}"
        named = {role: image for role, image in launch.images.items() if role in used}
        assert not listed or named.items() <= listed.items(), f"images() differs from the Launch's {named}"

    def test_launch_is_json(self, launch: Launch) -> None:
        """A Launch can be written down: into a status, a manifest, a file of the local target."""
        assert as_json(launch)

    def test_reads_data_and_writes_results(self, launch: Launch) -> None:
        """The data set is read from ``$(volume.data)``, and the adapter written to ``$(volume.results)``."""
        mounts = {mount.volume: mount for mount in launch.main.mounts}
        texts = (*launch.main.argv, *launch.main.env.values())
        for volume in ("data", "results"):
            assert volume in mounts, f"main does not mount the volume {volume!r}"
            reference = f"$(volume.{volume})"
            assert any(reference in text for text in texts if isinstance(text, str)), f"main is never told {reference}"
        assert not mounts["results"].read_only, "main mounts 'results' read-only: it writes the adapter there"

    def test_the_data_set_is_read_only(
        self, driver: Tuner, preset: Preset, data: TuningData, config: Any, launch: Launch
    ) -> None:
        """Every process that mounts the data set mounts it read-only: it may be the user's own directory."""
        others = (driver.inspect(preset, data, config), driver.sample(preset, data, config, 3))
        for process in (*launch.processes, *(each for each in others if each is not None)):
            for mount in process.mounts:
                assert mount.volume != "data" or mount.read_only, f"{process.name} mounts the data set for writing"

    def test_memory_terms_are_whole_bytes(self, driver: Tuner, preset: Preset, config: Any) -> None:
        """Memory is one or more named terms, each a whole number of bytes, none below 0, together above 0; pure."""
        terms = twice_alike(driver.memory, preset, config)
        assert terms, "memory names no term"
        assert len({term.name for term in terms}) == len(terms), "two terms of memory have one name"
        for term in terms:
            assert term.name, "a term of memory has no name"
            assert type(term.bytes) is int, f"memory: {term.name} is {term.bytes!r}, not a whole number of bytes"
            assert term.bytes >= 0, f"memory: {term.name} is below 0"
        assert sum(term.bytes for term in terms) > 0, "memory is 0"

    def test_memory_is_plausible_for_the_weights(self, driver: Tuner, preset: Preset, config: Any) -> None:
        """Each further weight costs some bytes: at least the 4 bits of the smallest format, at most 18 in all.

        18 bytes are weights and gradients in 4, Adam's two moments in 8, a copy in 2; no single term has more than 8.
        A figure in GiB, or in bits, is outside of that.
        """
        more = {term.name: term.bytes for term in driver.memory(_with_weights(preset, 10 * STEP), config)}
        fewer = {term.name: term.bytes for term in driver.memory(_with_weights(preset, 9 * STEP), config)}
        each = {name: (more[name] - fewer.get(name, 0)) / STEP for name in more}
        total = sum(each.values())
        assert total >= LEAST_PER_WEIGHT, f"memory: {total:.3f} bytes for each weight; is it in bytes?"
        assert total <= MOST_PER_WEIGHT, f"memory: {total:.1f} bytes for each weight; is it in bytes?"
        for name, size in each.items():
            assert size <= MOST_OF_A_TERM, f"memory: {name} takes {size:.1f} bytes for each weight; is it in bytes?"

    def test_a_bigger_model_needs_no_less(self, driver: Tuner, preset: Preset, bigger: Preset, config: Any) -> None:
        """Each memory term of a bigger model is at least as large, and the sum larger."""
        small = {term.name: term.bytes for term in driver.memory(preset, config)}
        large = {term.name: term.bytes for term in driver.memory(bigger, config)}
        assert small.keys() == large.keys(), "memory has other terms for a bigger model"
        less = [name for name in small if large[name] < small[name]]
        assert not less, f"memory: {', '.join(less)} is less for a bigger model"
        assert sum(large.values()) > sum(small.values()), "memory is the same for a bigger model"

    def test_a_bigger_method_needs_more(self, driver: Tuner, preset: Preset, options: dict[str, Any]) -> None:
        """More rank, layers, rows of a batch or tokens of a row need more memory, where an option sets them."""
        before = sum(term.bytes for term in driver.memory(preset, driver.configure(options, {})))
        for name, about in properties(driver.config_model).items():
            if SIZE.search(name) and about.get("type") == "integer" and "default" in about:
                for value in (value for value in other_values(about) if value > about["default"]):
                    try:
                        config = driver.configure({**options, name: value}, {})
                    except InvalidWorkspace:
                        continue
                    after = sum(term.bytes for term in driver.memory(preset, config))
                    assert after > before, f"memory is the same for {name}: {value} as for {about['default']}"

    def test_check_finds_problems_and_nothing_else(self, driver: Tuner, config: Any) -> None:
        """``check`` is pure and yields Problems; the configuration that is the default has no error."""
        problems = [*twice_alike(driver.check, config)]
        assert all(isinstance(problem, Problem) for problem in problems), "check yields something else than Problems"
        errors = [str(problem) for problem in problems if problem.severity == "error"]
        assert not errors, f"check refuses what configure makes of the options of this test: {errors}"

    def test_check_files_takes_any_fault_of_a_file_for_a_problem(self, driver: Tuner, config: Any) -> None:
        """``check_files`` reads by ``read`` alone, and yields Problems where that finds nothing."""

        def missing(name: str) -> str:
            raise FileNotFoundError(name)

        problems = [*twice_alike(driver.check_files, config, missing)]
        assert all(isinstance(problem, Problem) for problem in problems), "check_files yields other than Problems"

    def test_reads_names_of_the_data_set(self, driver: Tuner, config: Any) -> None:
        """The files that are trained on are some of the data set's, each once; of none there are none."""
        names = ("train.jsonl", "more/train-00001.parquet", "README.md")
        read = twice_alike(driver.names_read, names, config)
        assert read is None or (set(read) <= set(names) and len(set(read)) == len(read))
        assert not driver.names_read((), config)

    def test_names_the_chat_template_beside_the_weights(self, driver: Tuner, config: Any) -> None:
        """The adapter's own chat template is a file in the directory of its weights."""
        name = twice_alike(driver.chat_template, config)
        assert name is None or (name and "/" not in name)

    def test_inspect_is_sound(
        self, driver: Tuner, preset: Preset, data: TuningData, config: Any, launch: Launch
    ) -> None:
        """The process that reads the data beforehand is pure data and asks for nothing beyond the Launch's volumes."""
        process = twice_alike(driver.inspect, preset, data, config)
        if process is not None:
            problems = [*process_faults(process, launch, GIVEN)]
            assert not problems, "inspect: " + "\n".join(problems)
            assert process.gpus == 0, "inspect asks for a GPU: it runs before a machine is bought"
            assert "$(volume.data)" in as_json(process), "inspect is never told $(volume.data)"

    def test_sample_is_sound(
        self, driver: Tuner, preset: Preset, data: TuningData, config: Any, launch: Launch
    ) -> None:
        """The process that prints questions of the data set is pure data and has the number of questions."""
        process = twice_alike(driver.sample, preset, data, config, 1789)
        if process is not None:
            problems = [*process_faults(process, launch, GIVEN)]
            assert not problems, "sample: " + "\n".join(problems)
            assert any("1789" in part for part in process.argv), "sample is asked for 1789 rows and never says so"
            assert "$(volume.data)" in as_json(process), "sample is never told $(volume.data)"


def _with_weights(preset: Preset, parameters: int) -> Preset:
    """Return ``preset`` with that many weights in its own number format, and the network otherwise as it is."""
    return replace(preset, parameters=parameters, weight_bytes=parameters * preset.weight_bytes // preset.parameters)
