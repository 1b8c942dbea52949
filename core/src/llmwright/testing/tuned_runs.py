"""Laws of a tuner's trainer, which is run for real: with a small model and a few rows, on the processor."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.weight_files import ADAPTER_WEIGHTS, check_safetensors
from llmwright.plugins.discovery import Kind
from llmwright.plugins.drivers import Tuner
from llmwright.plugins.installing import pip_install
from llmwright.plugins.registry import Registry
from llmwright.testing.drivers import DriverContract
from llmwright.testing.options import properties
from llmwright.testing.presets import make_fit, make_tuning_data
from llmwright.testing.processes import PATIENCE_S, Ended, Machine
from llmwright.testing.rows import COMPLETIONS, FORMATS, write_bad_rows, write_rows
from llmwright.values.launch import Launch, Process
from llmwright.values.preset import Preset

CONFIG_FILE = "adapter_config.json"
FEW = re.compile(r"(max_?)?(steps|epochs)", re.IGNORECASE)
STEPPED, RANK = re.compile(r"(max_?)?steps", re.IGNORECASE), re.compile(r"(lora_?)?(rank|r)", re.IGNORECASE)
STEPS, MANY_STEPS, RANKED = 3, 60, 4
AFTER_SIGTERM = 5
"""Steps that a run may make before it sees that it is to end."""

MOST_BESIDE = 32 * 2**20
"""Bytes that may lie beside the adapter: a record, a picture, a tokenizer. Checkpoints are of no use to anybody."""

LEFT = re.compile(r"checkpoint|optimizer|scheduler|rng_state|\.tmp$|\.pt$|\.ckpt$|pytorch_model", re.IGNORECASE)


@dataclass(frozen=True)
class Run:
    """A run of the trainer: what it left in ``results``, from the rows in ``data``."""

    ended: Ended
    data: Path
    results: Path


class TunedContract(DriverContract):
    """Laws of the processes that train, inspect and sample. They hold for tuners that train on one machine.

    The model is the preset ``demo`` of llmwright-presets; another is given by the fixture ``tuned_preset``.
    """

    kind: ClassVar[Kind] = "tuner"

    @pytest.fixture
    def tuned_preset(self, driver: Tuner) -> Preset:
        """A model of a few MB that the tuner can load here."""
        if "local" not in driver.targets:
            pytest.skip("it does not tune on one machine, so nothing is started here")
        preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).find_preset("demo")
        if preset is None:
            bringing = pip_install("llmwright-presets")
            pytest.skip(f"no model to tune: {bringing}, or give the fixture 'tuned_preset'")
        return preset

    @pytest.fixture
    def few_steps(self, driver: Tuner, options: dict[str, Any]) -> dict[str, Any]:
        """Options for a run of a few seconds: ``steps`` and ``epochs`` are small, and ``rank`` is no default."""
        known = properties(driver.config_model)
        ranks = {name: RANKED for name in known if RANK.fullmatch(name)}
        return {**options, **ranks, **{name: STEPS for name in known if FEW.fullmatch(name)}}

    @pytest.fixture
    def many_steps(self, driver: Tuner, few_steps: dict[str, Any]) -> dict[str, Any]:
        """Options for a run of more than ten steps, which a law interrupts."""
        names = [name for name in properties(driver.config_model) if FEW.fullmatch(name)]
        return {**few_steps, **dict.fromkeys(names, MANY_STEPS)}

    @pytest.fixture
    def patience_s(self) -> float:
        """After how many seconds a run counts as one that never ends."""
        return PATIENCE_S

    @pytest.fixture
    def tuned_launch(self, driver: Tuner, tuned_preset: Preset, few_steps: dict[str, Any]) -> Launch:
        """The Launch that is run."""
        fit = make_fit(context=tuned_preset.context)
        return driver.launch(tuned_preset, fit, make_tuning_data(), driver.configure(few_steps, {}))

    @pytest.fixture
    def run(
        self, request: pytest.FixtureRequest, tuned_launch: Launch, tmp_path_factory: pytest.TempPathFactory,
        patience_s: float,
    ) -> Run:  # fmt: skip
        """A run on a few rows, one for all laws of a class: of the first format that the trainer takes."""
        holder = request.node.getparent(pytest.Class)
        if not hasattr(holder, "llmwright_run"):
            for write in FORMATS:
                folder = tmp_path_factory.mktemp("tuned")
                if write_rows(folder / "data", write):
                    holder.llmwright_run = trained(tuned_launch, folder, patience_s)
                    if holder.llmwright_run.ended.code == 0:
                        break
        run: Run = holder.llmwright_run
        return run

    def test_it_trains(self, run: Run) -> None:
        """A run on questions with answers, as ``*.jsonl`` or ``*.parquet``, ends with 0."""
        assert run.ended.code == 0, f"the run ends with {run.ended.code}: {run.ended.last}"

    def test_it_leaves_an_adapter(self, run: Run) -> None:
        """``results`` holds peft's two files at its top, whole: a configuration, and weights that are not empty."""
        assert run.ended.code == 0, f"the run ends with {run.ended.code}: {run.ended.last}"
        names = sorted(path.name for path in run.results.iterdir())
        for name in (CONFIG_FILE, ADAPTER_WEIGHTS):
            assert name in names, f"results lacks {name} at its top: {names}"
        about = adapter_config(run.results)
        assert about.get("peft_type"), f"{CONFIG_FILE} has no peft_type"
        assert about.get("target_modules"), f"{CONFIG_FILE} has no target_modules"
        check_safetensors(run.results / ADAPTER_WEIGHTS)
        data = (run.results / ADAPTER_WEIGHTS).read_bytes()
        assert any(data[8 + int.from_bytes(data[:8], "little") :]), "all weights of the adapter are 0"

    def test_it_leaves_the_generation_config_that_it_declares(self, driver: Tuner, run: Run) -> None:
        """A tuner with ``writes_generation_config`` leaves the file, and its ``eos_token_id`` names a token."""
        if driver.writes_generation_config:
            path = run.results / "generation_config.json"
            assert path.is_file(), "writes_generation_config is True, and results has no generation_config.json"
            ends = json.loads(path.read_text()).get("eos_token_id")
            assert ends or ends == 0, f"{path.name} names no eos_token_id: an engine would not know where answers end"

    def test_it_leaves_nothing_else(self, run: Run) -> None:
        """``results`` is delivered: no checkpoint, no optimizer, no copy of the model lies beside the adapter."""
        left = [
            path
            for path in run.results.rglob("*")
            if path.is_file() and path.name not in (CONFIG_FILE, ADAPTER_WEIGHTS)
        ]
        junk = [str(path.relative_to(run.results)) for path in left if LEFT.search(str(path.relative_to(run.results)))]
        assert not junk, f"results holds {', '.join(junk[:5])}: remove checkpoints once the adapter is written"
        size = sum(path.stat().st_size for path in left)
        assert size <= MOST_BESIDE, f"{size / 2**20:.0f} MiB lie beside the adapter in results"

    def test_the_data_set_stays_as_it_was(self, run: Run) -> None:
        """The trainer writes nothing into the data set, which may be the user's own directory."""
        added = [path.name for path in run.data.iterdir() if not path.name.startswith("train.")]
        assert not added, f"the run writes {', '.join(added)} into the data set"

    def test_bad_rows_end_it_with_an_error(self, tuned_launch: Launch, tmp_path: Path, patience_s: float) -> None:
        """Rows that are no questions with answers end the run with another exit code than 0, and leave no adapter."""
        write_bad_rows(tmp_path / "data")
        run = trained(tuned_launch, tmp_path, patience_s)
        assert run.ended.code != 0, "the run ends with 0 on rows that cannot be used"
        assert not (run.results / ADAPTER_WEIGHTS).exists(), "it leaves an adapter from rows that cannot be used"

    def test_inspect_tells_good_rows_from_bad(
        self,
        driver: Tuner,
        run: Run,
        tuned_preset: Preset,
        few_steps: dict[str, Any],
        tmp_path: Path,
        patience_s: float,
    ) -> None:
        """``inspect`` ends with 0 on good rows; on bad ones with 2 and one line that says why, without a traceback."""
        process = driver.inspect(tuned_preset, make_tuning_data(), driver.configure(few_steps, {}))
        if process is None:
            return
        good = process_once(process, tmp_path / "good", run.data, patience_s)
        assert good.code == 0, f"inspect ends with {good.code} on rows that can be trained: {good.last}"
        write_bad_rows(tmp_path / "data")
        bad = process_once(process, tmp_path / "bad", tmp_path / "data", patience_s)
        assert bad.code == 2, f"inspect ends with {bad.code} on bad rows, not with 2: {bad.last}"
        assert "Traceback" not in bad.text, "inspect prints a traceback for bad rows: print one line that says why"
        assert bad.text.strip(), "inspect says nothing about bad rows"

    def test_sample_prints_rows(
        self,
        driver: Tuner,
        run: Run,
        tuned_preset: Preset,
        few_steps: dict[str, Any],
        tmp_path: Path,
        patience_s: float,
    ) -> None:
        """``sample`` prints at most the rows asked for, each a JSON object with ``prompt`` and ``completion``."""
        process = driver.sample(tuned_preset, make_tuning_data(), driver.configure(few_steps, {}), 2)
        if process is None:
            return
        ended = process_once(process, tmp_path, run.data, patience_s)
        assert ended.code == 0, f"sample ends with {ended.code}: {ended.last}"
        lines = [line for line in ended.text.splitlines() if line.strip()]
        assert len(lines) == 2, (
            f"sample prints {len(lines)} lines, stderr too, and 2 rows of 8 were asked for; the first is {lines[:1]}"
        )
        assert len({*lines}) == len(lines), f"sample prints one row twice: {lines[0][:80]!r}"
        for line in lines:
            row = _object(line)
            assert row is not None, f"sample prints a line that is no JSON object: {line[:80]!r}"
            assert {"prompt", "completion"} <= row.keys(), f"a row of sample lacks prompt or completion: {line[:80]!r}"
            assert row["completion"] in COMPLETIONS, (
                f"a row of sample has another completion than the data set: {line[:80]!r}"
            )

    def test_sigterm_ends_a_run(
        self, driver: Tuner, run: Run, tuned_preset: Preset, many_steps: dict[str, Any], tmp_path: Path,
        patience_s: float,
    ) -> None:  # fmt: skip
        """A run that is told to end makes the step under way and no more, and its exit code is not 0.

        A deletion, and a node that goes, wait for it. The law holds for trainers that tell their steps.
        """
        if not [*_steps(run.results)]:
            return
        fit = make_fit(context=tuned_preset.context)
        launch = driver.launch(tuned_preset, fit, make_tuning_data(), driver.configure(many_steps, {}))
        results = tmp_path / "results"
        process = _machine(tmp_path, run.data, results).start(launch, launch.main)
        process.until(lambda: any(_steps(results)), "it writes step events to progress.jsonl", patience_s)
        process.signal(signal.SIGTERM)
        before = max(_steps(results))
        ended = process.ended(patience_s)
        told = [*events(results)]
        after = int(told[-1]["step"]) - before
        assert after <= AFTER_SIGTERM, f"SIGTERM is ignored: {after} steps were made after it"
        if told[-1]["step"] != told[-1].get("steps"):
            assert ended.code != 0, "a run that SIGTERM ended before its last step ends with 0, as one that is done"

    def test_an_interrupted_run_goes_on(
        self, driver: Tuner, run: Run, tuned_preset: Preset, many_steps: dict[str, Any], tmp_path: Path,
        patience_s: float,
    ) -> None:  # fmt: skip
        """With ``checkpoints``, a run that was killed goes on from its last checkpoint, and not from the first step."""
        if not getattr(driver, "checkpoints", False):
            return
        config = driver.configure(many_steps, {})
        fit = make_fit(context=tuned_preset.context)
        launch = driver.launch(tuned_preset, fit, make_tuning_data(), config)
        results = tmp_path / "results"
        first = _machine(tmp_path, run.data, results).start(launch, launch.main)
        first.until(
            lambda: max(_steps(results), default=0) >= 10, "it writes step events to progress.jsonl", patience_s
        )
        first.signal(signal.SIGKILL)
        quick = first.ended(patience_s).code == 0
        assert not quick, "the run ended before it could be interrupted: let `many_steps` give options for more steps"
        before = [*_steps(results)]
        ended = _machine(tmp_path, run.data, results).start(launch, launch.main).ended(patience_s)
        assert ended.code == 0, f"the run that goes on ends with {ended.code}: {ended.last}"
        after = [*_steps(results)][len(before) :]
        assert after, "the run that goes on writes no step"
        assert after[0] > 1, f"the run begins again at step {after[0]} though {before[-1]} were done"


def trained(launch: Launch, folder: Path, patience_s: float) -> Run:
    """Run the trainer on the data set in ``folder``, to its end."""
    results = folder / "results"
    machine = _machine(folder, folder / "data", results)
    for process in launch.prepare:
        ended = machine.run(launch, process, patience_s)
        assert ended.code == 0, f"{process.name} ends with {ended.code}: {ended.last}"
    return Run(machine.run(launch, launch.main, patience_s), folder / "data", results)


def _machine(folder: Path, data: Path, results: Path) -> Machine:
    results.mkdir(parents=True, exist_ok=True)
    return Machine(folder, directories={"data": data, "results": results})


def process_once(process: Process, folder: Path, data: Path, patience_s: float) -> Ended:
    """Run ``inspect`` or ``sample`` on ``data``, to its end."""
    return _machine(folder, data, folder / "results").run(Launch(main=process), process, patience_s)


def adapter_config(results: Path) -> dict[str, Any]:
    """Return the configuration of the adapter."""
    config: dict[str, Any] = json.loads((results / CONFIG_FILE).read_text())
    return config


def _steps(results: Path) -> Iterator[int]:
    """Yield the steps that ``progress.jsonl`` tells, in its order."""
    yield from (int(event["step"]) for event in events(results))


def events(results: Path) -> Iterator[dict[str, Any]]:
    """Yield the ``step`` events of ``progress.jsonl``, in its order."""
    file = results / "progress.jsonl"
    for line in file.read_text().splitlines() if file.exists() else ():
        event = _object(line) or {}
        if event.get("event") == "step":
            yield event


def _object(line: str) -> dict[str, Any] | None:
    try:
        value = json.loads(line)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
