"""Small data sets for a law's run: questions with answers, and rows that are none."""

from __future__ import annotations

import importlib
import json
from collections.abc import Callable
from pathlib import Path

COLOURS = ("red", "blue", "green", "coal black", "white", "silver", "amber", "violet")
ROWS = tuple(
    {"prompt": f"What colour is the ship number {number}?", "completion": colour}
    for number, colour in enumerate(COLOURS)
)
COMPLETIONS = frozenset(COLOURS)
BAD = {"text_in_no_known_column": 1}


def as_jsonl(folder: Path) -> bool:
    """Write the rows as ``train.jsonl``."""
    (folder / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    return True


def as_parquet(folder: Path) -> bool:
    """Write the rows as ``train.parquet``; return False where pyarrow is not installed."""
    try:
        arrow, parquet = (importlib.import_module(name) for name in ("pyarrow", "pyarrow.parquet"))
    except ImportError:
        return False
    parquet.write_table(arrow.Table.from_pylist([*ROWS]), folder / "train.parquet")
    return True


FORMATS: tuple[Callable[[Path], bool], ...] = (as_jsonl, as_parquet)
"""In the order in which a tuner is offered them."""


def write_rows(folder: Path, write: Callable[[Path], bool]) -> bool:
    """Make ``folder`` with the rows in one format; return False where that cannot be written here."""
    folder.mkdir(parents=True)
    return write(folder)


def write_bad_rows(folder: Path) -> None:
    """Make ``folder`` with rows in a column that no tuner knows, in each format that can be written here."""
    folder.mkdir(parents=True)
    (folder / "train.jsonl").write_text((json.dumps(BAD) + "\n") * 3)
