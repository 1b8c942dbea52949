"""Finding the data set: which file, which format."""

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
    """The file that is read. ``passed_over`` are other files of its directory that could have been."""

    path: Path
    format: Format
    passed_over: tuple[Path, ...] = ()

    def digest(self) -> str:
        """SHA-256 of the content, as ``sha256:…``."""
        with self.path.open("rb") as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


def find(where: Path, extension: str | None = None) -> DataFile:
    """The data set at ``where``, a file or a directory.

    Of a directory the first file, by depth and name, whose name contains a format's (KAITO v0.12, fine-tuning
    dataset.py). ``extension`` (``DatasetConfig.dataset_extension``) names the format of one whose name does not.

    Raises:
        ConfigError: nothing there, nothing to be read, or an empty file.
    """
    if not where.exists():
        raise ConfigError(f"the data set {where} does not exist", hint=ACCEPTED, reason="DatasetNotFound")
    candidates = [where] if where.is_file() else _files(where)
    known = [(path, found) for path in candidates if (found := format_of(path.name, extension))]
    if not known:
        names = ", ".join(path.name for path in candidates[:5]) or "nothing"
        raise ConfigError(f"no data set in {where}: found {names}", hint=ACCEPTED, reason="DatasetNotFound")
    path, kind = known[0]
    if path.stat().st_size == 0:
        raise ConfigError(f"the data set {path} is empty", hint=ACCEPTED, reason="DatasetEmpty")
    return DataFile(path, kind, tuple(other for other, _ in known[1:]))


def format_of(name: str, extension: str | None = None) -> Format | None:
    """The format that a file's name tells: its suffix first, else the first format that the name contains."""
    lowered = name.lower()
    suffix = lowered.rpartition(".")[2]
    for kind in FORMATS:
        if suffix == kind or (suffix == "jsonl" and kind == "json"):
            return kind
    contained = next((kind for kind in FORMATS if kind in lowered), None)
    named = "json" if extension == "jsonl" else extension
    return contained or next((kind for kind in FORMATS if kind == named), None)


def _files(directory: Path) -> list[Path]:
    found = [path for path in directory.rglob("*") if path.is_file() and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (len(path.parts), str(path)))
