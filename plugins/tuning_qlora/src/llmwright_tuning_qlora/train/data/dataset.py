"""The reader of data sets: read all rows, check them, tokenise them, before anything expensive happens.

This is the only way from a data file to rows for training. Its steps are the other files of this folder:
``file_formats`` reads, ``column_mapping`` and ``example`` interpret, ``tokenization`` encodes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain, islice

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.train.data.column_mapping import ACCEPTED, ColumnMapping, map_columns
from llmwright_tuning_qlora.train.data.data_file import DataFile
from llmwright_tuning_qlora.train.data.example import Example, parse_example
from llmwright_tuning_qlora.train.data.file_formats import DataRow, read_rows
from llmwright_tuning_qlora.train.data.token_rows import LengthSummary, TokenRow, TokenRows
from llmwright_tuning_qlora.train.data.tokenization import ExampleTokenizer

MAX_PROBLEMS = 20
BATCH = 256
NO_MAPPING = ColumnMapping("text", ())
"""Used when no row could be read, so that each row's own problem is reported."""


@dataclass(frozen=True, slots=True)
class TokenizedDataset:
    """A data set to train on. Show ``notes`` to the user once."""

    rows: TokenRows
    summary: LengthSummary
    notes: tuple[str, ...]


@dataclass(slots=True)
class _Progress:
    """The rows and problems so far. ``numbers`` are the positions of the rows in the file."""

    rows: TokenRows = field(default_factory=TokenRows)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    unit: str = "row"
    rows_read: int = 0
    problems: list[str] = field(default_factory=list)

    @property
    def has_max_problems(self) -> bool:
        return len(self.problems) >= MAX_PROBLEMS


def read_dataset(
    file: DataFile, tokenizer: ExampleTokenizer, section: DatasetSection, max_tokens: int
) -> TokenizedDataset:
    """Return all rows of ``file`` as tokens, none longer than ``max_tokens``.

    Raises:
        ConfigError: the file is unreadable or empty, has wrong columns, or has rows that cannot be used. Then the
            message holds the first problem, and the notes of the exception (PEP 678) up to 20, each with its position.
    """
    batches = _batched(read_rows(file))
    first_batch = next(batches, None)
    if first_batch is None:
        raise ConfigError(f"the data set {file.path} has no rows", hint=ACCEPTED, reason="DatasetEmpty")
    first = next((row for row in first_batch if not row.problem), None)
    mapping = _mapping(file, first, section) if first else NO_MAPPING
    progress = _Progress()
    for batch in chain([first_batch], batches):
        _add_batch(batch, mapping, tokenizer, max_tokens, progress)
        if progress.has_max_problems:
            break
    if progress.problems:
        raise _unusable_rows(file, progress)
    summary = LengthSummary.of(progress.rows.lengths, progress.numbers, progress.unit)
    return TokenizedDataset(progress.rows, summary, tuple(_notes(file, first, mapping) if first else ()))


def _mapping(file: DataFile, first: DataRow, section: DatasetSection) -> ColumnMapping:
    try:
        return map_columns(first.values, section)
    except ConfigError as error:
        message = f"{file.path}: {first.position}: {error.message}"
        raise ConfigError(message, hint=error.hint, reason=error.reason) from error


def _batched(rows: Iterator[DataRow]) -> Iterator[list[DataRow]]:
    while batch := list(islice(rows, BATCH)):
        yield batch


def _add_batch(
    batch: list[DataRow], mapping: ColumnMapping, tokenizer: ExampleTokenizer, max_tokens: int, progress: _Progress
) -> None:
    parsed = [row.problem or parse_example(row.values, mapping) for row in batch]
    examples: list[Example] = [item for item in parsed if not isinstance(item, str)]
    # Many examples in one call: a fast tokenizer then works on all cores.
    encoded = iter(tokenizer.encode(examples))
    for row, item in zip(batch, parsed, strict=True):
        tokens = item if isinstance(item, str) else next(encoded)
        progress.rows_read += 1
        problem = tokens if isinstance(tokens, str) else _length_problem(tokens, max_tokens)
        if not problem and isinstance(tokens, TokenRow):
            progress.rows.append(tokens)
            progress.numbers.append(row.number)
            progress.unit = row.unit
        elif not progress.has_max_problems:
            progress.problems.append(f"{row.position}: {problem}")


def _length_problem(row: TokenRow, limit: int) -> str:
    return f"{len(row.ids)} tokens, longer than the context of {limit}" if len(row.ids) > limit else ""


def _unusable_rows(file: DataFile, progress: _Progress) -> ConfigError:
    count = len(progress.problems)
    how_many = f"at least {count}" if progress.has_max_problems else str(count)
    message = f"{file.path}: {how_many} of {progress.rows_read} rows cannot be used: {progress.problems[0]}"
    error = ConfigError(message, hint="fix or remove these rows", reason="DatasetRows")
    for problem in progress.problems:
        error.add_note(f"{file.path}: {problem}")
    return error


def _notes(file: DataFile, first: DataRow, mapping: ColumnMapping) -> Iterator[str]:
    if file.ignored_files:
        others = ", ".join(path.name for path in file.ignored_files[:5])
        yield f"Reading {file.path.name}; not reading {others}."
    unused = [name for name in first.values if name not in mapping.columns]
    if unused:
        yield f"Columns that are not used: {', '.join(unused)}."
