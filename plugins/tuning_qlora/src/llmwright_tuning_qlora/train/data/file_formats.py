"""Read a data file row by row: JSON, JSON lines, CSV, Parquet, Arrow. Files are streamed or memory-mapped.

The standard library reads JSON and CSV, because it can name the line of an error and continue after it.
"""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llmwright.errors import ConfigError
from llmwright.reading.json_names import doubled_path, parse_names
from llmwright_tuning_qlora.train.data.data_file import ACCEPTED, DataFile

if TYPE_CHECKING:
    import pyarrow as pa

BATCH = 1024
OTHER_CONTENT = {
    b"\x1f\x8b": "is compressed (gzip); unpack it first",
    b"PK\x03\x04": "is compressed (zip); unpack it first",
    b"BZh": "is compressed (bzip2); unpack it first",
    b"\xfd7zXZ": "is compressed (xz); unpack it first",
    b"\x28\xb5\x2f\xfd": "is compressed (zstd); unpack it first",
    b"PAR1": "is Parquet; let its name end with .parquet",
    b"\xff\xfe": "is UTF-16; save it as UTF-8",
    b"\xfe\xff": "is UTF-16; save it as UTF-8",
}
"""First bytes of files that are no text, and the remedy."""
TOO_DEEP = "it is nested too deep"


@dataclass(frozen=True, slots=True)
class DataRow:
    """One row: its values by column, or the ``problem`` for which it could not be read.

    ``number`` counts from 1, in ``unit``: ``line`` in files of lines, else ``row``.
    """

    number: int
    unit: str = "row"
    values: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    @property
    def position(self) -> str:
        """``line 3`` or ``row 3``."""
        return f"{self.unit} {self.number}"


def read_rows(file: DataFile) -> Iterator[DataRow]:
    """Yield all rows in the order of the file.

    Raises:
        ConfigError: the file as a whole cannot be read in its format.
    """
    if file.format in ("csv", "json"):
        _require_text(file.path)
    readers = {"csv": _csv, "json": _json, "parquet": _parquet, "arrow": _arrow}
    try:
        yield from readers[file.format](file.path)
    except ConfigError:
        raise
    except (OSError, ValueError, ArithmeticError, csv.Error) as error:
        # pyarrow's ArrowInvalid is a ValueError, its ArrowIOError an OSError, and UnicodeDecodeError a ValueError. A
        # date that Python does not have is an OverflowError.
        reason = " ".join(str(error).split())
        raise _unreadable(file.path, f"cannot be read as {file.format}: {reason}") from error


def _unreadable(path: Path, fault: str) -> ConfigError:
    return ConfigError(f"the data set {path} {fault}", hint=ACCEPTED, reason="DatasetUnreadable")


def _require_text(path: Path) -> None:
    with path.open("rb") as stream:
        head = stream.read(8)
    kind = next((kind for start, kind in OTHER_CONTENT.items() if head.startswith(start)), "")
    if kind:
        raise _unreadable(path, kind)


def _json(path: Path) -> Iterator[DataRow]:
    with path.open(encoding="utf-8-sig") as stream:
        first = next((line for line in stream if line.strip()), "")
        stream.seek(0)
        if first.lstrip().startswith("["):
            return (yield from _json_array(path, stream.read()))
        if first.strip() == "{":
            raise _unreadable(path, "holds one JSON object over several lines; a list, or one object a line, is read")
        return (yield from _json_lines(stream))


def _json_array(path: Path, text: str) -> Iterator[DataRow]:
    try:
        items, doubled = parse_names(text)
    except json.JSONDecodeError as error:
        raise _unreadable(path, f"is not JSON: line {error.lineno}: {error.msg}") from error
    except RecursionError as error:
        raise _unreadable(path, f"is not JSON: {TOO_DEEP}") from error
    for number, item in enumerate(items, start=1):
        yield _row_of_json(item, number, "row", doubled=doubled)


def _json_lines(lines: Iterator[str]) -> Iterator[DataRow]:
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            item, doubled = parse_names(line)
        except json.JSONDecodeError as error:
            yield DataRow(number, "line", problem=f"not JSON: {error.msg} at column {error.colno}")
            continue
        except RecursionError:
            yield DataRow(number, "line", problem=f"not JSON: {TOO_DEEP}")
            continue
        except ValueError:
            # Python's own limit on the digits of a number.
            yield DataRow(number, "line", problem="not JSON: a number has too many digits")
            continue
        yield _row_of_json(item, number, "line", doubled=doubled)


def _row_of_json(item: object, number: int, unit: str, *, doubled: bool) -> DataRow:
    path = doubled_path(item) if doubled else None
    if path is not None:
        return DataRow(number, unit, problem=f"it names the key {path[:100]!r} twice in one object")
    if isinstance(item, dict):
        return DataRow(number, unit, item)
    return DataRow(number, unit, problem=f"{type(item).__name__} found where an object with columns is expected")


def _csv(path: Path) -> Iterator[DataRow]:
    csv.field_size_limit(sys.maxsize)
    with path.open(encoding="utf-8-sig", newline="") as stream:
        reader = csv.reader(stream, strict=True)
        header = next(reader, [])
        _require_distinct(path, header)
        while (row := _next_csv_row(reader)) is not None:
            if isinstance(row, DataRow):
                yield row
            elif row and len(row) != len(header):
                problem = f"{len(row)} fields where the header names {len(header)}"
                yield DataRow(reader.line_num, "line", problem=problem)
            elif row:
                yield DataRow(reader.line_num, "line", dict(zip(header, row, strict=True)))


def _require_distinct(path: Path, columns: Sequence[str]) -> None:
    twice = next((name for index, name in enumerate(columns) if name in columns[:index]), None)
    if twice is not None:
        raise _unreadable(path, f"names the column {twice!r} twice")


def _next_csv_row(reader: Any) -> list[str] | DataRow | None:
    try:
        row: list[str] | None = next(reader, None)
    except csv.Error as error:
        return DataRow(reader.line_num, "line", problem=f"not CSV: {error}")
    return row


def _parquet(path: Path) -> Iterator[DataRow]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path, memory_map=True) as file:
        _require_distinct(path, file.schema_arrow.names)
        yield from _rows_of_batches(file.iter_batches(batch_size=BATCH))


def _arrow(path: Path) -> Iterator[DataRow]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as source:
        try:
            file = pa.ipc.open_file(source)
        except pa.ArrowInvalid:
            # Not Arrow's file format, so its streaming format, which the datasets library writes.
            source.seek(0)
            stream = pa.ipc.open_stream(source)
            _require_distinct(path, stream.schema.names)
            yield from _rows_of_batches(iter(stream))
        else:
            _require_distinct(path, file.schema.names)
            yield from _rows_of_batches(file.get_batch(index) for index in range(file.num_record_batches))


def _rows_of_batches(batches: Iterator[pa.RecordBatch]) -> Iterator[DataRow]:
    number = 0
    for batch in batches:
        for values in batch.to_pylist():
            number += 1
            yield DataRow(number, "row", {name: _without_nulls(value) for name, value in values.items()})


def _without_nulls(value: Any) -> Any:
    """Return a nested value without the keys that hold null, which columns write where a row has no such key.

    A message's ``content`` stays, because null says something there.
    """
    if isinstance(value, dict):
        return {key: _without_nulls(item) for key, item in value.items() if item is not None or key == "content"}
    return [_without_nulls(item) for item in value] if isinstance(value, list) else value
