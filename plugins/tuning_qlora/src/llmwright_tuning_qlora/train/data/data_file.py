"""Find the files of a data set, and their format.

Splits are told by names, as the datasets library does it (its guide 'Structure your repository'): a word such as
``train`` or ``test`` between separators, in a file's name or a directory's.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from llmwright.errors import ConfigError

Format = Literal["csv", "json", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet", "arrow")
ACCEPTED = "files whose name holds csv, json, jsonl, parquet or arrow are read"
WITHOUT_FORMAT = f"{ACCEPTED}; for other names write DatasetConfig.dataset_extension"
METADATA = frozenset(
    {
        "added_tokens.json",
        "config.json",
        "croissant.json",
        "dataset_dict.json",
        "dataset_info.json",
        "dataset_infos.json",
        "generation_config.json",
        "special_tokens_map.json",
        "state.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
    }
)
"""Files that the datasets library and transformers write beside data."""

_TRAIN = ("train", "training")
_HELD_OUT = ("validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file to read."""

    path: Path
    format: Format

    def digest(self) -> str:
        """Return the SHA-256 of the content, as ``sha256:…``."""
        with self.path.open("rb") as stream:
            return "sha256:" + hashlib.file_digest(stream, "sha256").hexdigest()


@dataclass(frozen=True, slots=True)
class DataFiles:
    """The files of a data set, all of one format, read in this order. ``ignored`` are other data files beside them."""

    files: tuple[DataFile, ...]
    ignored: tuple[Path, ...] = ()

    @property
    def name(self) -> str:
        """The name of the only file, or the first name and the number of the others."""
        first, *others = self.files
        return f"{first.path.name} and {len(others)} more" if others else first.path.name

    def digest(self) -> str:
        """Return the SHA-256 of the only file, or of the digests of all files in their order."""
        digests = [file.digest() for file in self.files]
        if len(digests) == 1:
            return digests[0]
        return "sha256:" + hashlib.sha256("\n".join(digests).encode()).hexdigest()


def find_data_files(path: Path, extension: str | None = None) -> DataFiles:
    """Return the data files at ``path``, a file or a directory.

    In a directory they are all files of the train split; without one all files that name no split; else all. Metadata
    files do not count. ``extension`` (``DatasetConfig.dataset_extension``) is the format of files whose names contain
    none.

    Raises:
        ConfigError: no such path, no data file in it, an empty file, or files of several formats.
    """
    if not path.exists():
        raise ConfigError(f"the data set {path} does not exist", hint=ACCEPTED, reason="DatasetNotFound")
    visible = [path] if path.is_file() else _visible_files(path)
    files = [file for file in visible if file.name not in METADATA or file == path]
    data = [DataFile(file, kind) for file in files if (kind := format_of(file.name, extension))]
    if not data:
        names = ", ".join(file.name for file in visible[:5]) or "nothing"
        raise ConfigError(f"no data set in {path}: found {names}", hint=WITHOUT_FORMAT, reason="DatasetNotFound")
    chosen = _of_split(data, path)
    empty = next((file.path for file in chosen if file.path.stat().st_size == 0), None)
    if empty is not None:
        raise ConfigError(f"the data set {empty} is empty", hint=ACCEPTED, reason="DatasetEmpty")
    if len({file.format for file in chosen}) > 1:
        names = ", ".join(file.path.name for file in chosen[:5])
        message = f"the data set {path} has files of several formats: {names}"
        raise ConfigError(message, hint="keep those of one format, or name one file", reason="DatasetFormats")
    return DataFiles(tuple(chosen), tuple(file.path for file in data if file not in chosen))


def _of_split(files: list[DataFile], root: Path) -> list[DataFile]:
    def named(words: Iterable[str]) -> list[DataFile]:
        pattern = re.compile(rf"(?:^|[-._ 0-9/])(?:{'|'.join(words)})(?:[-._ 0-9/]|$)")
        return [file for file in files if pattern.search(file.path.relative_to(root).as_posix().lower())]

    if len(files) == 1:
        return files
    held_out = named(_HELD_OUT)
    return named(_TRAIN) or [file for file in files if file not in held_out] or files


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
