"""Laws of what a tuner reads: every row of every file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from llmwright.catalogue.weight_files import ADAPTER_WEIGHTS
from llmwright.plugins.drivers import Tuner
from llmwright.testing.presets import make_tuning_data
from llmwright.testing.rows import file_names, write_files
from llmwright.testing.tuned_runs import Run, TunedContract, process_once, trained
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset


class DataContract(TunedContract):
    """Laws of a data set of several files, in the format of the run that went well."""

    def test_a_bad_row_of_any_file_is_found(
        self, driver: Tuner, run: Run, tuned_preset: Preset, tuned_launch: Launch, few_steps: dict[str, Any],
        tmp_path: Path, patience_s: float,
    ) -> None:  # fmt: skip
        """One bad row in the middle of the second of three files ends ``inspect`` with 2, and the run with an error."""
        suffix, config = suffix_of(run), driver.configure(few_steps, {})
        write_files(tmp_path / "data", suffix, bad=True)
        if not _reads_all(driver, suffix, config):
            ended = trained(tuned_launch, tmp_path, patience_s).ended
            assert ended.code == 0, (
                f"names_read leaves out a file of {', '.join(file_names(suffix))}, and a bad row in it ends the run: "
                f"it is read: {ended.last}"
            )
            return
        process = driver.inspect(tuned_preset, make_tuning_data(), config)
        if process is not None:
            ended = process_once(process, tmp_path / "inspected", tmp_path / "data", patience_s)
            assert ended.code == 2, (
                f"inspect ends with {ended.code}, and a row in the second of three files cannot be used: "
                f"read every row of every file, and end with 2: {ended.last}"
            )
        ended_run = trained(tuned_launch, tmp_path, patience_s)
        assert ended_run.ended.code != 0, (
            "the run ends with 0, and a row in the second of three files cannot be used: read every row of every file"
        )
        assert not (ended_run.results / ADAPTER_WEIGHTS).exists(), "it leaves an adapter from rows that cannot be used"

    def test_the_files_that_are_read_are_named(self, driver: Tuner, run: Run, few_steps: dict[str, Any]) -> None:
        """``names_read`` is None, or has the file that the run was trained on: of others a user is told nothing."""
        if run.ended.code == 0:
            name = f"train{suffix_of(run)}"
            read = driver.names_read((name, "README.md"), driver.configure(few_steps, {}))
            assert read is None or name in read, f"names_read has {read}, and the run was trained on {name}"

    def test_sample_has_rows_of_every_file(
        self, driver: Tuner, run: Run, tuned_preset: Preset, few_steps: dict[str, Any], tmp_path: Path,
        patience_s: float,
    ) -> None:  # fmt: skip
        """``sample`` that is asked for all rows of three files prints all of them."""
        suffix, config = suffix_of(run), driver.configure(few_steps, {})
        rows = write_files(tmp_path / "data", suffix, bad=False)
        process = driver.sample(tuned_preset, make_tuning_data(), config, rows)
        if process is None or not _reads_all(driver, suffix, config):
            return
        ended = process_once(process, tmp_path, tmp_path / "data", patience_s)
        assert ended.code == 0, f"sample ends with {ended.code} on three files: {ended.last}"
        lines = {line for line in ended.text.splitlines() if line.strip()}
        assert len(lines) == rows, f"sample prints {len(lines)} rows, and {rows} in three files were asked for"


def suffix_of(run: Run) -> str:
    """Return how the names of the files end that the trainer takes."""
    return next(path.suffix for path in sorted(run.data.iterdir()) if path.name.startswith("train."))


def _reads_all(driver: Tuner, suffix: str, config: Any) -> bool:
    names = file_names(suffix)
    read = driver.names_read(names, config)
    return read is None or {*names} <= {*read}
