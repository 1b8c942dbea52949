"""Reading a data file row by row: JSON, JSON lines, CSV, Parquet, Arrow. Files are streamed or memory-mapped.

JSON and CSV are read by the standard library, for it can say which line is broken and go on after it.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.train.data.data_file import ACCEPTED, DataFile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One row: its values by column, or why it could not be read. ``number`` counts from 1.

    ``unit`` is ``line`` where the number is that of a line in the file.
    """

    number: int
    unit: str = "row"
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def where(self) -> str:
        """``line 3`` or ``row 3``."""
        return f"{self.unit} {self.number}"


def read(file: DataFile) -> Iterator[Record]:
    """All rows in the order of the file.

    Raises:
        ConfigError: the file as a whole cannot be read in its format.
    """
    readers = {"csv": _csv, "json": _json, "parquet": _parquet, "arrow": _arrow}
    try:
        yield from readers[file.format](file.path)
    except ConfigError:
        raise
    except (OSError, ValueError, csv.Error) as error:
        # pyarrow's ArrowInvalid is a ValueError, its ArrowIOError an OSError, and UnicodeDecodeError a ValueError.
        reason = " ".join(str(error).split())
        raise _unreadable(file.path, f"cannot be read as {file.format}: {reason}") from error


def _unreadable(path: Path, why: str) -> ConfigError:
    return ConfigError(f"the data set {path} {why}", hint=ACCEPTED, reason="DatasetUnreadable")


def _json(path: Path) -> Iterator[Record]:
    with path.open(encoding="utf-8-sig") as stream:
        first = next((line for line in stream if line.strip()), "")
        stream.seek(0)
        if first.lstrip().startswith("["):
            return (yield from _json_array(path, stream.read()))
        if first.strip() == "{":
            raise _unreadable(path, "holds one JSON object over several lines; a list, or one object a line, is read")
        return (yield from _json_lines(stream))


def _json_array(path: Path, text: str) -> Iterator[Record]:
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"is not JSON: line {error.lineno}: {error.msg}") from error
    for number, item in enumerate(items, start=1):
        yield _record(item, number, "row")


def _json_lines(lines: Iterator[str]) -> Iterator[Record]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item = json.loads(line)
        except json.JSONDecodeError as error:
            yield Record(number, "line", problem=f"not JSON: {error.msg} at column {error.colno}")
            continue
        yield _record(item, number, "line")


def _record(item: object, number: int, unit: str) -> Record:
    if isinstance(item, dict):
        return Record(number, unit, item)
    return Record(number, unit, problem=f"{type(item).__name__} found where an object with columns is expected")


def _csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header = next(reader, [])
        while (row := _next(reader)) is not None:
            if isinstance(row, Record):
                yield row
            elif row and len(row) != len(header):
                why = f"{len(row)} fields where the header names {len(header)}"
                yield Record(reader.line_num, "line", problem=why)
            elif row:
                yield Record(reader.line_num, "line", dict(zip(header, row, strict=True)))


def _next(reader: Any) -> list[str] | Record | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        return Record(reader.line_num, "line", problem=f"not CSV: {error}")
    return row


def _parquet(path: Path) -> Iterator[Record]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:
        yield from _batches(file.iter_batches(batch_size=BATCH))


def _arrow(path: Path) -> Iterator[Record]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            # Not the file format, so the streaming one (what the datasets library caches).
            source.seek(0)
            yield from _batches(iter(pa.ipc.open_stream(source)))
        else:
            yield from _batches(file.get_batch(index) for index in range(file.num_record_batches))


def _batches(batches: Iterator[pa.RecordBatch]) -> Iterator[Record]:
    number = 0
    for batch in batches:
        for values in batch.to_pylist():
            number += 1
            yield Record(number, "row", values)
