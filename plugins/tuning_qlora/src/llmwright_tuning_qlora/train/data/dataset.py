"""The reader of data sets: read all rows, check them, tokenise them, before anything expensive happens.

This is the only way from a data file to rows for training. Its steps are the other files of this folder:
``file_formats`` reads, ``column_mapping`` and ``example`` interpret, ``tokenization`` encodes.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path

from llmwright.errors import ConfigError
from llmwright.values.message_fields import describing
from llmwright_tuning_qlora.config_sections import DatasetSection
from llmwright_tuning_qlora.data_names import missing_shards
from llmwright_tuning_qlora.train.data.column_mapping import ACCEPTED, TOOLS, ColumnMapping, map_columns
from llmwright_tuning_qlora.train.data.data_file import DataFile, DataFiles
from llmwright_tuning_qlora.train.data.example import Conversation, Example, parse_example
from llmwright_tuning_qlora.train.data.file_formats import DataRow, read_rows
from llmwright_tuning_qlora.train.data.token_rows import LengthSummary, TokenRow, TokenRows
from llmwright_tuning_qlora.train.data.tokenization import TOO_LONG, ExampleTokenizer

MAX_PROBLEMS = 20
BATCH = 256
NO_MAPPING = ColumnMapping("text", ())
"""Used when no row could be read, so that each row's own problem is reported."""


@dataclass(frozen=True, slots=True)
class TokenizedDataset:
    """A data set to train on. Show ``notes`` to the user once. ``end_tokens`` are those that end its answers."""

    rows: TokenRows
    summary: LengthSummary
    notes: tuple[str, ...]
    end_tokens: frozenset[int] = frozenset()


@dataclass(slots=True)
class _Progress:
    """The rows and problems so far. ``numbers`` are the positions of the rows in the file."""

    rows: TokenRows = field(default_factory=TokenRows)
    numbers: array[int] = field(default_factory=lambda: array("q"))
    unit: str = "row"
    rows_read: int = 0
    problems: list[str] = field(default_factory=list)
    end_tokens: set[int] = field(default_factory=set)
    describing: set[str] = field(default_factory=set)

    def add(self, row: DataRow, rows: list[TokenRow], tokenizer: ExampleTokenizer) -> None:
        for tokens in rows:
            self.rows.append(tokens)
            end = tokenizer.end_of(tokens)
            self.end_tokens |= {end} if end is not None else set()
            self.numbers.append(row.number)
        self.unit = row.unit

    @property
    def has_max_problems(self) -> bool:
        return len(self.problems) >= MAX_PROBLEMS


def read_dataset(
    files: DataFiles, tokenizer: ExampleTokenizer, section: DatasetSection, max_tokens: int
) -> TokenizedDataset:
    """Return all rows of ``files`` as tokens, none longer than ``max_tokens``.

    Raises:
        ConfigError: a file is unreadable or empty, has wrong columns, or has rows that cannot be used. Then the
            message holds the first problem, and the notes of the exception (PEP 678) up to 20, each with its position.
    """
    progress = _Progress()
    notes: list[str] = [*_notes_of_files(files), *_notes_of_shards(files)]
    for file in files.files:
        notes += _add_file(file, tokenizer, section, max_tokens, progress)
        if progress.problems:
            raise _unusable_rows(file, progress)
    notes += _notes_of_fields(progress.describing, tokenizer.template)
    summary = LengthSummary.of(progress.rows.lengths, progress.numbers, progress.unit)
    return TokenizedDataset(progress.rows, summary, tuple(dict.fromkeys(notes)), frozenset(progress.end_tokens))


def _add_file(
    file: DataFile, tokenizer: ExampleTokenizer, section: DatasetSection, max_tokens: int, progress: _Progress
) -> Iterator[str]:
    """Add the rows of one file; yield notes to show."""
    batches = _batched(read_rows(file))
    first_batch = next(batches, None)
    if first_batch is None:
        raise ConfigError(f"the data set {file.path} has no rows", hint=ACCEPTED, reason="DatasetEmpty")
    first = next((row for row in first_batch if not row.problem), None)
    mapping = _mapping(file, first, section) if first else NO_MAPPING
    for batch in chain([first_batch], batches):
        _add_batch(batch, mapping, tokenizer, max_tokens, progress)
        if progress.has_max_problems:
            break
    if first:
        yield from _notes_of_columns(first, mapping)


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
    for example in examples:
        if isinstance(example, Conversation):
            progress.describing.update(chain.from_iterable(map(describing, example.messages)))
    # Many examples in one call: a fast tokenizer then works on all cores.
    encoded = iter(tokenizer.encode(examples))
    for row, item in zip(batch, parsed, strict=True):
        rows = item if isinstance(item, str) else next(encoded)
        progress.rows_read += 1
        problem = rows if isinstance(rows, str) else _length_problem(rows, max_tokens)
        if not problem:
            progress.add(row, [tokens for tokens in rows if isinstance(tokens, TokenRow)], tokenizer)
        elif not progress.has_max_problems:
            progress.problems.append(f"{row.position}: {problem}")


def _length_problem(rows: list[TokenRow], limit: int) -> str:
    longest = max(len(row.ids) for row in rows)
    return TOO_LONG.format(longest, limit) if longest > limit else ""


def _unusable_rows(file: DataFile, progress: _Progress) -> ConfigError:
    count = len(progress.problems)
    how_many = f"at least {count}" if progress.has_max_problems else str(count)
    message = f"{file.path}: {how_many} of {progress.rows_read} rows cannot be used: {progress.problems[0]}"
    error = ConfigError(message, hint="fix or remove these rows", reason="DatasetRows")
    for problem in progress.problems:
        error.add_note(f"{file.path}: {problem}")
    return error


def _notes_of_files(files: DataFiles) -> Iterator[str]:
    if len(files.files) > 1 or files.ignored:
        read = _listed([file.path for file in files.files], files.root)
        ignored = _listed(files.ignored, files.root)
        yield f"Reading {read}; not reading {ignored}." if files.ignored else f"Reading {read}."


def _notes_of_shards(files: DataFiles) -> Iterator[str]:
    missing = missing_shards(file.path.relative_to(files.root).as_posix() for file in files.files)
    if missing:
        more = f" and {len(missing) - 5} more" if len(missing) > 5 else ""
        yield f"Not there, though other files' names tell of them: {', '.join(missing[:5])}{more}."


def _listed(paths: Sequence[Path], root: Path) -> str:
    names = [path.relative_to(root).as_posix() for path in paths[:5]]
    return ", ".join(names) + (f" and {len(paths) - 5} more" if len(paths) > 5 else "")


def _notes_of_columns(first: DataRow, mapping: ColumnMapping) -> Iterator[str]:
    used = {*mapping.columns, TOOLS} if mapping.kind != "text" else {*mapping.columns}
    unused = [name for name in first.values if name not in used]
    if unused:
        yield f"Columns that are not used: {', '.join(unused)}."


def _notes_of_fields(names: set[str], template: str) -> Iterator[str]:
    """Yield the fields that describe messages and whose names the template does not have."""
    unused = sorted(name for name in names if not re.search(rf"\b{re.escape(name)}\b", template))
    if unused:
        more = f" and {len(unused) - MAX_PROBLEMS} more" if len(unused) > MAX_PROBLEMS else ""
        yield f"Fields of messages that are not used: {', '.join(unused[:MAX_PROBLEMS])}{more}."
