"""The workload half of small tuners."""

from __future__ import annotations

import json
import os
import signal
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from llmwright.plugins.trainer import Run, main, read_rows

ROW = '{"prompt": "a", "completion": "b"}\n'


class Options(BaseModel):
    """Options of a method."""

    steps: int = 4


def run_of(results: Path, steps: int = 4, rows: str = "b") -> Run[Options]:
    return Run(
        options=Options(steps=steps),
        rows=[{"prompt": "a", "completion": rows}],
        model="acme/model",
        revision=None,
        trust_remote_code=False,
        targets=("q_proj", "v_proj"),
        results=results,
        config=None,
    )


def never(run: Run[Options]) -> None:
    raise AssertionError("it trains")


@pytest.mark.parametrize(
    "content", ["", "{}\n", '{"prompt": "a"}\n', '{"prompt": 1, "completion": "b"}\n', "[]\n", "a\n"]
)
def test_rows_that_cannot_be_used_end_it_with_2(
    tmp_path: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another machine would not help."""
    (tmp_path / "train.jsonl").write_text(content)
    assert main(never, Options, argv=["inspect", "--data", str(tmp_path)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_the_first_rows_are_shown(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [{"prompt": f"{number}", "completion": "é\u2028b", "more": "x"} for number in range(3)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    assert main(never, Options, argv=["sample", "--data", str(tmp_path), "--rows", "2"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert shown == [{"prompt": str(number), "completion": "é\u2028b"} for number in range(2)]
    assert len(read_rows(tmp_path)) == 3


def arguments(tmp_path: Path, *more: str) -> list[str]:
    (tmp_path / "data").mkdir(exist_ok=True)
    (tmp_path / "data" / "train.jsonl").write_text(ROW)
    (tmp_path / "results").mkdir(exist_ok=True)
    places = ("--data", str(tmp_path / "data"), "--results", str(tmp_path / "results"))
    return ["train", *places, "--model", "acme/model", "--targets", "q_proj,v_proj", *more]


def test_a_run_has_what_the_driver_hands_on(tmp_path: Path) -> None:
    runs: list[Run[Options]] = []
    more = ("--options", '{"steps": 7}', "--revision", "a1b2", "--trust-remote-code", "--config", "/mnt/config/a.yaml")
    assert main(runs.append, Options, argv=arguments(tmp_path, *more)) == 0
    (run,) = runs
    assert (run.options, run.model, run.revision) == (Options(steps=7), "acme/model", "a1b2")
    assert (run.trust_remote_code, run.targets) == (True, ("q_proj", "v_proj"))
    assert (run.rows, run.config) == ([json.loads(ROW)], Path("/mnt/config/a.yaml"))


def test_an_error_of_the_method_is_no_error_of_the_data(tmp_path: Path) -> None:
    """It passes with its traceback: exit code 2 would tell the user to mend the data."""

    def train(run: Run[Options]) -> None:
        raise KeyError("q_proj")

    with pytest.raises(KeyError):
        main(train, Options, argv=arguments(tmp_path))


def test_checkpoints_go_once_the_run_is_done(tmp_path: Path) -> None:
    def train(run: Run[Options]) -> None:
        run.repeat(lambda number: 0.5, 3, save=lambda folder: None, load=lambda folder: None)
        assert [*(run.results / "checkpoints").iterdir()]

    assert main(train, Options, argv=arguments(tmp_path)) == 0
    assert [path.name for path in (tmp_path / "results").iterdir()] == ["progress.jsonl"]


class Sum:
    """Adds up the steps; it fails, or is told to end, in one of them."""

    def __init__(self, ends_in: int = 0, how: Callable[[], object] = lambda: 1 / 0) -> None:
        self.ends_in, self.how = ends_in, how
        self.total = 0
        self.made: list[int] = []

    def step(self, number: int) -> float:
        if number == self.ends_in:
            self.how()
        self.total += number
        self.made.append(number)
        return float(self.total)

    def save(self, folder: Path) -> None:
        (folder / "total").write_text(str(self.total))

    def load(self, folder: Path) -> None:
        self.total = int((folder / "total").read_text())


def test_a_run_that_was_interrupted_goes_on(tmp_path: Path) -> None:
    first, second = Sum(ends_in=3), Sum()
    with pytest.raises(ZeroDivisionError):
        run_of(tmp_path).repeat(first.step, 4, save=first.save, load=first.load)
    assert len([*(tmp_path / "checkpoints").iterdir()]) == 1
    run_of(tmp_path).repeat(second.step, 4, save=second.save, load=second.load)
    assert (second.made, second.total) == ([3, 4], 10)
    steps = [json.loads(line)["step"] for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert steps == [1, 2, 3, 4]


def test_a_run_goes_on_from_its_last_checkpoint(tmp_path: Path) -> None:
    first, second = Sum(ends_in=4), Sum()
    with pytest.raises(ZeroDivisionError):
        run_of(tmp_path).repeat(first.step, 5, save=first.save, load=first.load, every=2)
    run_of(tmp_path).repeat(second.step, 5, save=second.save, load=second.load, every=2)
    assert (second.made, second.total) == ([3, 4, 5], 15)


def test_a_checkpoint_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    """A run that ends while it saves goes on from the checkpoint before."""
    first, second = Sum(), Sum()

    def save(folder: Path) -> None:
        first.save(folder)
        if first.total == 3:
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="full"):
        run_of(tmp_path).repeat(first.step, 4, save=save, load=first.load)
    run_of(tmp_path).repeat(second.step, 4, save=second.save, load=second.load)
    assert (second.made, second.total) == ([2, 3, 4], 10)


@pytest.mark.parametrize("another", [{"steps": 5}, {"rows": "c"}])
def test_checkpoints_of_another_run_are_not_gone_on_from(tmp_path: Path, another: dict[str, int]) -> None:
    first, second = Sum(ends_in=3), Sum()
    with pytest.raises(ZeroDivisionError):
        run_of(tmp_path).repeat(first.step, 4, save=first.save, load=first.load)
    run_of(tmp_path, **another).repeat(second.step, 4, save=second.save, load=second.load)  # type: ignore[arg-type]
    assert second.made == [1, 2, 3, 4]


def test_sigterm_ends_a_run_once_its_step_is_saved(tmp_path: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    first, second = Sum(2, lambda: os.kill(os.getpid(), signal.SIGTERM)), Sum()
    with pytest.raises(SystemExit) as end:
        run_of(tmp_path).repeat(first.step, 9, save=first.save, load=first.load, every=100)
    assert (end.value.code, first.made) == (143, [1, 2])
    assert signal.getsignal(signal.SIGTERM) == before
    run_of(tmp_path).repeat(second.step, 4, save=second.save, load=second.load, every=100)
    assert second.made == [3, 4]


def test_sigterm_ends_what_makes_no_steps(tmp_path: Path) -> None:
    with pytest.raises(SystemExit) as end:
        main(lambda run: os.kill(os.getpid(), signal.SIGTERM), Options, argv=arguments(tmp_path))
    assert end.value.code == 143


def test_an_adapter_is_a_file_of_safetensors(tmp_path: Path) -> None:
    """Names as peft's, offsets one after the other, numbers as they were given."""
    matrices = {"layers.0.q.lora_A": ((1, 2), [1.0, 2.0]), "layers.0.q.lora_B": ((2, 1), [3.0, 4.0])}
    run_of(tmp_path).write_adapter(matrices, {"r": 1})
    content = (tmp_path / "adapter_model.safetensors").read_bytes()
    (size,) = struct.unpack("<Q", content[:8])
    header = json.loads(content[8 : 8 + size])
    assert list(header) == [f"base_model.model.model.layers.0.q.lora_{part}.weight" for part in "AB"]
    assert [each["data_offsets"] for each in header.values()] == [[0, 8], [8, 16]]
    assert struct.unpack("<4f", content[8 + size :]) == (1.0, 2.0, 3.0, 4.0)
    assert json.loads((tmp_path / "adapter_config.json").read_text()) == {
        "peft_type": "LORA",
        "task_type": "CAUSAL_LM",
        "target_modules": ["q_proj", "v_proj"],
        "r": 1,
    }


def test_a_matrix_of_another_size_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lora_A has 1 numbers"):
        run_of(tmp_path).write_adapter({"layers.0.q.lora_A": ((1, 2), [1.0])}, {"r": 1})
    assert not list(tmp_path.iterdir())


def test_each_step_is_reported(tmp_path: Path) -> None:
    """A loss that is no number has no place in JSON."""
    for step, loss in ((1, 0.5), (2, float("nan"))):
        run_of(tmp_path).report(step, 2, loss)
    lines = [json.loads(line) for line in (tmp_path / "progress.jsonl").read_text().splitlines()]
    assert [(line["step"], line["loss"]) for line in lines] == [(1, 0.5), (2, None)]
