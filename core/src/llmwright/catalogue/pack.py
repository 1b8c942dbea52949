"""Files of a pack. A current ``index.json`` is read in place of the YAML, because it is much faster."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from llmwright.catalogue import instance_type_file, preset_file
from llmwright.catalogue.yaml_fields import FieldError
from llmwright.errors import ConfigError, InvalidWorkspace
from llmwright.reading.files import Unreadable, decoded, read_bytes
from llmwright.reading.json_reader import read_json_file

INDEX = "index.json"
INDEX_VERSION = 1
MOST_INDEX_BYTES = 16 * 1024**2

_READERS: dict[str, Callable[[Any], list[dict[str, Any]]]] = {
    preset_file.KIND: preset_file.read_family,
    instance_type_file.KIND: instance_type_file.read_types,
}


SCHEMAS: Mapping[str, Callable[[], dict[str, Any]]] = {
    preset_file.KIND: preset_file.schema,
    instance_type_file.KIND: instance_type_file.schema,
}
"""The JSON schema of each kind of file."""


@dataclass(frozen=True, slots=True)
class PackFile:
    """One YAML file and its origin: a distribution's name, or a directory of the user."""

    path: Traversable
    origin: str

    @property
    def directory(self) -> Path | None:
        """The directory of the file, None inside an archive."""
        return self.path.parent if isinstance(self.path, Path) else None

    def __str__(self) -> str:
        return f"{self.origin}: {self.path}"


@dataclass(frozen=True, slots=True)
class PackContent:
    """The content of one file as plain data: ``kind`` and its entries."""

    kind: str
    entries: list[dict[str, Any]]


@dataclass(slots=True)
class PackReader:
    """Reads pack files, and each directory's index only once."""

    _indexes: dict[Path, dict[str, Any]] = field(default_factory=dict)

    def read(self, file: PackFile) -> PackContent:
        """Return the content of ``file``.

        Raises:
            ConfigError: it cannot be read; the message names its origin and the place in it.
        """
        try:
            data = _content(file.path)
        except (OSError, Unreadable) as error:
            raise ConfigError(f"{file}: {error}") from error
        except Exception as error:  # a stranger's Traversable may raise anything
            raise ConfigError(f"{file} cannot be read: {type(error).__name__}: {error}") from error
        # An index may be older than its YAML: the entry counts only where the digest shows that they agree.
        entry = self._index(file).get(file.path.name)
        if isinstance(entry, dict) and entry.get("sha256") == digest(data) and {"kind", "entries"} <= entry.keys():
            return PackContent(entry["kind"], entry["entries"])
        return parse(data, str(file))

    def _index(self, file: PackFile) -> dict[str, Any]:
        directory = file.directory
        if directory is None:
            return {}
        if directory not in self._indexes:
            self._indexes[directory] = _load_index(directory / INDEX)
        return self._indexes[directory]


def directory_files(directory: Path) -> tuple[PackFile, ...]:
    """The YAML files directly in ``directory``, of presets and instance types alike.

    Raises:
        ConfigError: it is no directory.
    """
    if not directory.is_dir():
        raise ConfigError(f"{directory} is not a directory of presets", hint="give a directory of YAML files")
    files = sorted(path for path in directory.iterdir() if path.suffix == ".yaml")
    return tuple(PackFile(path.resolve(), str(directory)) for path in files)


def parse(data: bytes, where: str) -> PackContent:
    """Return the content of a YAML file's bytes.

    Raises:
        ConfigError: it is no YAML, of another kind, or breaks the format; the message begins with ``where``.
    """
    # Packs with a current index need no YAML, and importing PyYAML takes longer than reading the index.
    from llmwright.api.document import load_documents

    try:
        documents = load_documents(decoded(data), where)
    except InvalidWorkspace as error:
        raise ConfigError(error.message) from error
    except Unreadable as error:
        raise ConfigError(f"{where} {error}") from error
    if len(documents) > 1:
        raise ConfigError(f"{where}: holds {len(documents)} documents, one is expected")
    document = documents[0].data if documents else None
    kind = document.get("kind") if isinstance(document, dict) else None
    if not isinstance(kind, str) or kind not in _READERS:
        raise ConfigError(f"{where}: kind is {kind!r}", hint=f"expected one of: {', '.join(_READERS)}")
    try:
        return PackContent(kind, _READERS[kind](document))
    except FieldError as error:
        raise ConfigError(f"{where}: {error}") from error


def digest(data: bytes) -> str:
    """Return the digest that shows whether a file is the indexed file."""
    return hashlib.sha256(data).hexdigest()


def make_index(paths: Iterable[Path]) -> str:
    """Return the text of an ``index.json`` for the YAML files ``paths`` of one directory.

    Raises:
        ConfigError: one of them cannot be read.
    """
    files = {}
    for path in sorted(paths):
        data = read_bytes(path)
        content = parse(data, path.name)
        files[path.name] = {"sha256": digest(data), "kind": content.kind, "entries": content.entries}
    return json.dumps({"version": INDEX_VERSION, "files": files}, indent=1, sort_keys=True) + "\n"


def _load_index(path: Path) -> dict[str, Any]:
    """Read an index. It is empty where it is missing, broken or of another version; then the YAML is read."""
    try:
        index = read_json_file(path, MOST_INDEX_BYTES)
        return dict(index["files"]) if index["version"] == INDEX_VERSION else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _content(path: Traversable) -> bytes:
    return read_bytes(path) if isinstance(path, Path) else path.read_bytes()
