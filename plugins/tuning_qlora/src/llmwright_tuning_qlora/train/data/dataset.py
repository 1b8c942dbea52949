"""Reading and checking a whole data set before anything expensive happens."""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.train.data.column_mapping import ACCEPTED, Example, Shape, choose, interpret
from llmwright_tuning_qlora.train.data.data_file import DataFile
from llmwright_tuning_qlora.train.data.file_formats import Record, read
from llmwright_tuning_qlora.train.data.token_rows import Summary, TokenRow, TokenRows
from llmwright_tuning_qlora.train.data.tokenization import Encoder

MOST_PROBLEMS = 20
BATCH = 256
NO_SHAPE = Shape("text", ())
"""Stands in where no row could be read at all."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A data set that can be trained on; ``notes`` are worth saying once."""

    rows: TokenRows
    summary: Summary
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Reading:
    rows: TokenRows = field(default_factory=TokenRows)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    unit: str = "row"
    seen: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def full(self) -> bool:
        return len(self.problems) >= MOST_PROBLEMS


def check(file: DataFile, encoder: Encoder, wanted: DatasetSection, limit: int) -> Checked:
    """All rows of ``file`` as tokens, none longer than ``limit`` tokens.

    Raises:
        ConfigError: unreadable, empty or of wrong columns; or rows that cannot be used, the first in the message and
            up to 20 of them as notes of the exception (PEP 678), each with its place.
    """
    batches = _batched(read(file))
    opening = next(batches, None)
    if opening is None:
        raise ConfigError(f"the data set {file.path} has no rows", hint=ACCEPTED, reason="DatasetEmpty")
    first = next((record for record in opening if not record.problem), None)
    shape = _shape(file, first, wanted) if first else NO_SHAPE
    reading = _Reading()
    for batch in chain([opening], batches):
        _take(batch, shape, encoder, limit, reading)
        if reading.full:
            break
    if reading.problems:
        raise _refusal(file, reading)
    summary = Summary.of(reading.rows.lengths, reading.numbers, reading.unit)
    return Checked(reading.rows, summary, tuple(_notes(file, first, shape) if first else ()))


def _shape(file: DataFile, first: Record, wanted: DatasetSection) -> Shape:
    try:
        return choose(first.values, wanted)
    except ConfigError as error:
        message = f"{file.path}: {first.where}: {error.message}"
        raise ConfigError(message, hint=error.hint, reason=error.reason) from error


def _batched(records: Iterator[Record]) -> Iterator[list[Record]]:
    while batch := list(islice(records, BATCH)):
        yield batch


def _take(batch: list[Record], shape: Shape, encoder: Encoder, limit: int, reading: _Reading) -> None:
    made = [record.problem or interpret(record.values, shape) for record in batch]
    examples: list[Example] = [item for item in made if not isinstance(item, str)]
    encoded = iter(encoder.encode(examples))
    for record, item in zip(batch, made, strict=True):
        row = item if isinstance(item, str) else next(encoded)
        reading.seen += 1
        problem = row if isinstance(row, str) else _too_long(row, limit)
        if not problem and isinstance(row, TokenRow):
            reading.rows.append(row)
            reading.numbers.append(record.number)
            reading.unit = record.unit
        elif not reading.full:
            reading.problems.append(f"{record.where}: {problem}")


def _too_long(row: TokenRow, limit: int) -> str:
    return f"{len(row.ids)} tokens, longer than the context of {limit}" if len(row.ids) > limit else ""


def _refusal(file: DataFile, reading: _Reading) -> ConfigError:
    count = len(reading.problems)
    how_many = f"at least {count}" if reading.full else str(count)
    message = f"{file.path}: {how_many} of {reading.seen} rows cannot be used: {reading.problems[0]}"
    error = ConfigError(message, hint="mend or remove these rows", reason="DatasetRows")
    for problem in reading.problems:
        error.add_note(f"{file.path}: {problem}")
    return error


def _notes(file: DataFile, first: Record, shape: Shape) -> Iterator[str]:
    if file.passed_over:
        others = ", ".join(path.name for path in file.passed_over[:5])
        yield f"Reading {file.path.name}; not reading {others}."
    extra = [name for name in first.values if name not in shape.columns]
    if extra:
        yield f"Columns that are not used: {', '.join(extra)}."
