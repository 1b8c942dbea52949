"""Find the files of a data set, and their format."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from llmwright.errors import ConfigError
from llmwright_tuning_qlora.data_names import (
    Format,
    data_names,
    format_of,
    mixed_shards,
    names_to_train_on,
    splits_of_shards,
)
from llmwright_tuning_qlora.train.data.data_card import train_names

ACCEPTED = "files whose name holds csv, json, jsonl, parquet or arrow are read"
WITHOUT_FORMAT = f"{ACCEPTED}; for other names write DatasetConfig.dataset_extension"


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
    """The files of a data set, all of one format, read in this order. ``ignored`` are other data files
    beside them, ``root`` their directory.
    """

    files: tuple[DataFile, ...]
    ignored: tuple[Path, ...] = ()
    root: Path = Path()

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
    """Return the data files at ``path``, a file or a directory, as ``data_names`` tells them.

    Raises:
        ConfigError: no such path, no data file in it, an empty file, or files of several formats.
    """
    if not path.exists():
        raise ConfigError(f"the data set {path} does not exist", hint=ACCEPTED, reason="DatasetNotFound")
    if path.is_file():
        visible, data = [path.name], [path.name] if format_of(path.name, extension) else []
        root, chosen = path.parent, data
    else:
        root, visible = path, sorted(file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file())
        data = data_names(visible, extension)
        chosen = train_names(path, data) or names_to_train_on(data)
    if not data:
        names = ", ".join(visible[:5]) or "nothing"
        raise ConfigError(f"no data set in {path}: found {names}", hint=WITHOUT_FORMAT, reason="DatasetNotFound")
    files = tuple(DataFile(root / name, kind) for name in chosen if (kind := format_of(name, extension)))
    _require_content(path, files, root)
    return DataFiles(files, tuple(root / name for name in data if name not in chosen), root)


def _require_content(path: Path, files: tuple[DataFile, ...], root: Path) -> None:
    empty = next((file.path for file in files if file.path.stat().st_size == 0), None)
    if empty is not None:
        raise ConfigError(f"the data set {empty} is empty", hint=ACCEPTED, reason="DatasetEmpty")
    splits = splits_of_shards(file.path.name for file in files)
    if len(splits) > 1:
        message = f"the data set {path} has several splits: {', '.join(splits)}"
        raise ConfigError(message, hint="keep the files of one, or name one file", reason="DatasetSplits")
    mixed = mixed_shards(file.path.relative_to(root).as_posix() for file in files)
    if mixed:
        hint = "keep the files of one writing, or name one file"
        raise ConfigError(f"the data set {path} {mixed}", hint=hint, reason="DatasetShards")
    if len({file.format for file in files}) > 1:
        names = ", ".join(file.path.name for file in files[:5])
        message = f"the data set {path} has files of several formats: {names}"
        raise ConfigError(message, hint="keep those of one format, or name one file", reason="DatasetFormats")
