"""Small data sets for a law's run: questions with answers, and rows that are none."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

COLOURS = ("rosé", "blue", "green", "coal black", "white", "silver", "amber", "violet")
ROWS = tuple(
    {"prompt": f"What colour is the ship number {number}?", "completion": colour}
    for number, colour in enumerate(COLOURS)
)
COMPLETIONS = frozenset(COLOURS)
BAD = {"text_in_no_known_column": 1}
Rows = Sequence[Mapping[str, Any]]


def as_jsonl(folder: Path, rows: Rows = ROWS, name: str = "train") -> bool:
    """Write the rows as ``train.jsonl``."""
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{name}.jsonl").write_text(text, encoding="utf-8")
    return True


def as_parquet(folder: Path, rows: Rows = ROWS, name: str = "train") -> bool:
    """Write the rows as ``train.parquet``; return False where pyarrow is not installed."""
    try:
        arrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    except ImportError:
        return False
    columns = {
        column: [row.get(column) for row in rows] for column in dict.fromkeys(key for row in rows for key in row)
    }
    parquet.write_table(arrow.table(columns), folder / f"{name}.parquet")
    return True


FORMATS: tuple[Callable[[Path], bool], ...] = (as_jsonl, as_parquet)
"""In the order in which a tuner is offered them."""

WRITERS: Mapping[str, Callable[[Path, Rows, str], bool]] = {".jsonl": as_jsonl, ".parquet": as_parquet}
"""By the end of a file's name."""

FILES = 3
"""Files of a data set of several; their names are those that ``datasets`` gives to the files of one split."""


def write_rows(folder: Path, write: Callable[[Path], bool]) -> bool:
    """Make ``folder`` with the rows in one format; return False where that cannot be written here."""
    folder.mkdir(parents=True)
    return write(folder)


def write_bad_rows(folder: Path) -> None:
    """Make ``folder`` with rows in a column that no tuner knows, in each format that can be written here."""
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text((json.dumps(BAD) + "\n") * 3)


def file_names(suffix: str) -> tuple[str, ...]:
    """Return the names of the files of one split."""
    return tuple(f"train-{number:05}-of-{FILES:05}{suffix}" for number in range(FILES))


def write_files(folder: Path, suffix: str, *, bad: bool) -> int:
    """Make ``folder`` with several files; return how many rows they have.

    With ``bad``, the row in the middle of the file in the middle is none: who reads the first or the last alone misses
    it.
    """
    folder.mkdir(parents=True)
    names, whole = file_names(suffix), 0
    for number, name in enumerate(names):
        first = 2 * number
        rows: list[Mapping[str, Any]] = [*ROWS[first : first + 2]]
        if bad and number == len(names) // 2:
            rows.insert(1, BAD)
        whole += len(rows)
        WRITERS[suffix](folder, rows, name.removesuffix(suffix))
    return whole
