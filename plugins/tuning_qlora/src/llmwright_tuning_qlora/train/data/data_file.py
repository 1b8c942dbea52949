"""Find the file of a data set, and its format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llmwright.errors import ConfigError

Format = Literal["csv", "json", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet", "arrow")
ACCEPTED = "files whose name holds csv, json, jsonl, parquet or arrow are read"


@dataclass(frozen=True, slots=True)
class DataFile:
    """The file that is read. ``ignored_files`` are other data files of its directory."""

    path: Path
    format: Format
    ignored_files: tuple[Path, ...] = ()

    def digest(self) -> str:
        """Return the SHA-256 of the content, as ``sha256:…``."""
        with self.path.open("rb") as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def find_data_file(path: Path, extension: str | None = None) -> DataFile:
    """Return the data file at ``path``, a file or a directory.

    In a directory it is the first file, by depth and name, whose name contains the name of a format (KAITO v0.12,
    fine-tuning dataset.py). ``extension`` (``DatasetConfig.dataset_extension``) is the format of files whose names
    contain none.

    Raises:
        ConfigError: no such path, no data file in it, or an empty file.
    """
    if not path.exists():
        raise ConfigError(f"the data set {path} does not exist", hint=ACCEPTED, reason="DatasetNotFound")
    files = [path] if path.is_file() else _visible_files(path)
    data_files = [(file, kind) for file in files if (kind := format_of(file.name, extension))]
    if not data_files:
        names = ", ".join(file.name for file in files[:5]) or "nothing"
        raise ConfigError(f"no data set in {path}: found {names}", hint=ACCEPTED, reason="DatasetNotFound")
    first, kind = data_files[0]
    if first.stat().st_size == 0:
        raise ConfigError(f"the data set {first} is empty", hint=ACCEPTED, reason="DatasetEmpty")
    return DataFile(first, kind, tuple(other for other, _ in data_files[1:]))


def format_of(name: str, extension: str | None = None) -> Format | None:
    """Return the format by a file's name: its suffix first, else the first format that the name contains."""
    lowered = name.lower()
    suffix = lowered.rpartition(".")[2]
    for kind in FORMATS:
        if suffix == kind or (suffix == "jsonl" and kind == "json"):
            return kind
    contained = next((kind for kind in FORMATS if kind in lowered), None)
    named = "json" if extension == "jsonl" else extension
    return contained or next((kind for kind in FORMATS if kind == named), None)


def _visible_files(directory: Path) -> list[Path]:
    files = [path for path in directory.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return sorted(files, key=lambda path: (len(path.parts), str(path)))
