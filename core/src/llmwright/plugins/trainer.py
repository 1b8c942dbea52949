"""The workload half of a small tuner: a run with its options and rows, its steps, checkpoints and adapter.

The module that a ``ModuleTuner`` names calls ``main`` with its function ``train`` and the model of its options. No
model library is imported here; ``train`` may import one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from llmwright.plugins.adapter_files import Matrix, write_adapter
from llmwright.plugins.checkpoints import Checkpoints
from llmwright.plugins.progress_server import serve_progress
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["Row", "Run", "main", "read_rows"]

_MOST_ROW = 2**30
"""Bytes of a row. The process is bounded in memory, and a document may be long."""

_KEYS = ("prompt", "completion")
_UNUSABLE = 2
PROGRESS = "progress.jsonl"
_TERMINATED = 128 + signal.SIGTERM

Row = dict[str, Any]
"""A row of the data set; it has a text ``prompt`` and a text ``completion``."""

Options = TypeVar("Options", bound="BaseModel")


@dataclass(frozen=True, kw_only=True)
class Run(Generic[Options]):
    """A run of the trainer: all that it is given, and what every run does in the same way.

    ``options`` are the user's. ``model`` is a directory, or on a hub the name of a model, whose commit is ``revision``.
    ``targets`` are the modules to adapt: those of the preset, or ``q_proj`` and ``v_proj`` where it names none.
    ``results`` is where an adapter goes that ``write_adapter`` does not write. ``config`` is the user's
    training config, for a tuner with ``reads_config``.
    """

    options: Options
    rows: Sequence[Row]
    model: str
    revision: str | None
    trust_remote_code: bool
    targets: Sequence[str]
    results: Path
    config: Path | None

    def repeat(
        self,
        step: Callable[[int], float],
        count: int,
        *,
        save: Callable[[Path], object] | None = None,
        load: Callable[[Path], object] | None = None,
        every: int = 1,
    ) -> None:
        """Call ``step`` with 1, 2, … ``count``, and report each with the loss that it returns.

        With ``save`` and ``load`` a run that was interrupted goes on from its newest checkpoint: ``save`` writes files
        into a folder, ``load`` reads them. A run of other options, rows or model begins anew. SIGTERM ends the run once
        a step is done and saved.

        Args:
            step: makes one step.
            count: the number of steps.
            save: writes a checkpoint, after ``every`` steps and after the last.
            load: reads one.
            every: the number of steps from one checkpoint to the next.
        """
        checkpoints = Checkpoints(self.results, self._digest())
        newest = checkpoints.newest() if load is not None else None
        first = 1
        if newest is not None and load is not None:
            first = newest[0] + 1
            load(newest[1])
        stops: list[int] = []
        with _on_sigterm(lambda number, _: stops.append(number)):
            for number in range(first, count + 1):
                loss = step(number)
                # Before the report: a step that is told is never made again where each is saved.
                if save is not None and (number % every == 0 or number == count or stops):
                    checkpoints.write(number, save)
                self.report(number, count, loss)
                if stops:
                    raise SystemExit(_TERMINATED)

    def report(self, step: int, steps: int, loss: float) -> None:
        """Tell that ``step`` of ``steps`` is done: on stdout, and for the status of the Workspace."""
        event = {"event": "step", "step": step, "steps": steps, "loss": loss if math.isfinite(loss) else None}
        with (self.results / PROGRESS).open("a", encoding="utf-8") as progress:
            progress.write(json.dumps(event) + "\n")
        print(f"step {step}/{steps}, loss {loss:.4f}", flush=True)

    def write_adapter(self, matrices: Mapping[str, Matrix], config: Mapping[str, Any]) -> None:
        """Write an adapter in peft's layout, in float32.

        Args:
            matrices: shape and numbers, row by row, by name: ``layers.0.self_attn.q_proj.lora_A``. The names in the
                file begin with ``base_model.model.model.``, as those of models laid out as Llama do.
            config: keys of ``adapter_config.json``: ``r``, ``lora_alpha`` and others of LoRA. ``target_modules`` are
                ``targets`` where it names none.

        Raises:
            ValueError: a matrix has other numbers than its shape; nothing was written.
        """
        write_adapter(self.results, matrices, {"target_modules": [*self.targets], **config})

    def _digest(self) -> str:
        """Return a word that tells this run from one of other options, rows or model in the same directory."""
        about = Path(self.model) / "config.json"
        # A directory of weights may lie elsewhere after a restart.
        model = about.read_bytes() if about.is_file() else self.model.encode()
        config = self.config.read_bytes() if self.config is not None else b""
        digest = hashlib.sha256(model + config)
        for part in (self.options.model_dump(mode="json"), self.revision, [*self.targets], *self.rows):
            digest.update(json.dumps(part, default=str).encode() + b"\n")
        return digest.hexdigest()[:16]


def main(
    train: Callable[[Run[Options]], object],
    options: type[Options],
    *,
    read: Callable[[Path], Sequence[Row]] | None = None,
    argv: Sequence[str] | None = None,
) -> int:
    """Do what the arguments of ``ModuleTuner`` say; return the exit code.

    That is 2 where the rows cannot be read: another machine would not help. An error of ``train`` passes. SIGTERM ends
    the process with 143. Once ``train`` is done the checkpoints are removed.

    Args:
        train: tunes, and leaves the adapter in ``results``.
        options: the model of the options, as ``config_model`` of the driver.
        read: returns the rows of the data set's directory; ``read_rows`` without it.
        argv: the arguments; those of the process without it.
    """
    arguments = _parser().parse_args(argv)
    # Also as the first process of a container, where SIGTERM does nothing by itself.
    with _on_sigterm(lambda *_: sys.exit(_TERMINATED)):
        try:
            rows = (read or read_rows)(arguments.data)
        except (OSError, ValueError, LookupError, TypeError) as error:
            print(f"error: {error}", file=sys.stderr)
            return _UNUSABLE
        if arguments.verb == "inspect":
            print(f"{len(rows)} rows")
        elif arguments.verb == "sample":
            for row in rows[: arguments.rows]:
                print(json.dumps({key: row[key] for key in _KEYS}))
        else:
            arguments.results.mkdir(parents=True, exist_ok=True)
            run = _run(arguments, options, rows)
            serve_progress(run.results / PROGRESS)
            train(run)
            # After the adapter: a run that is cut off between the two goes on, and writes the adapter.
            Checkpoints(run.results, "").drop()
    return 0


def read_rows(data: Path) -> list[Row]:
    """Return the rows of ``*.jsonl`` files, each with a text ``prompt`` and a text ``completion``.

    Raises:
        ValueError: there are none, or one is something else.
    """
    rows = []
    for file in sorted(data.rglob("*.jsonl")):
        for number, line in enumerate(file.read_bytes().splitlines(), 1):
            try:
                row = read_json(line, _MOST_ROW)
            except Unreadable as error:
                raise ValueError(f"{file.name}, line {number} {error}") from None
            if not isinstance(row, dict) or not all(isinstance(row.get(key), str) for key in _KEYS):
                raise ValueError(f"{file.name}, line {number}: no prompt and completion")
            rows.append(row)
    if not rows:
        raise ValueError("the data set holds no rows in *.jsonl files")
    return rows


def _run(arguments: argparse.Namespace, options: type[Options], rows: Sequence[Row]) -> Run[Options]:
    return Run(
        options=options.model_validate_json(arguments.options),
        rows=rows,
        model=arguments.model,
        revision=arguments.revision,
        trust_remote_code=arguments.trust_remote_code,
        targets=tuple(arguments.targets.split(",")),
        results=arguments.results,
        config=arguments.config,
    )


def _parser() -> argparse.ArgumentParser:
    arguments = argparse.ArgumentParser(allow_abbrev=False)
    arguments.add_argument("verb", choices=("train", "inspect", "sample"))
    for name in ("data", "results", "config"):
        arguments.add_argument(f"--{name}", type=Path)
    for name in ("model", "revision", "targets"):
        arguments.add_argument(f"--{name}")
    arguments.add_argument("--options", default="{}")
    arguments.add_argument("--rows", type=int)
    arguments.add_argument("--trust-remote-code", action="store_true")
    return arguments


@contextmanager
def _on_sigterm(handler: Callable[[int, FrameType | None], object]) -> Iterator[None]:
    """Have ``handler`` called at SIGTERM, and the one before it afterwards."""
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
