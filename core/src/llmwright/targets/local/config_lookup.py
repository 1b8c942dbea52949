"""A Workspace's ``config`` as a file: beside the YAML on one machine, or in the directory of ``--config-dir``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from llmwright.api.document import load_documents
from llmwright.errors import ConfigError, InvalidWorkspace
from llmwright.reading.files import Unreadable, is_file, read_text

SUFFIXES = ("", ".yaml", ".yml")


def find_config_files(name: str, directories: Iterable[Path], file_name: str) -> Mapping[str, str] | None:
    """Return the data of a ConfigMap of that name, texts by file name; None where there is no such file.

    ``name`` is looked for with and without ``.yaml`` in each directory in turn. The file may be a ConfigMap manifest,
    as it would be applied to a cluster, or the file itself, which then counts as ``file_name``.

    Raises:
        ConfigError: unreadable, or a ConfigMap without ``data``.
    """
    candidates = [directory / f"{name}{suffix}" for directory in directories for suffix in SUFFIXES]
    file = next((path for path in candidates if is_file(path)), None)
    if file is None:
        return None
    try:
        text = read_text(file)
        documents = load_documents(text, str(file))
    except Unreadable as error:
        raise ConfigError(f"config {name!r}: {file} {error}") from error
    except InvalidWorkspace as error:
        raise ConfigError(f"config {name!r} cannot be read: {error.message}") from error
    content = documents[0].data if documents else None
    if not isinstance(content, dict) or content.get("kind") != "ConfigMap":
        return {file_name: text}
    data = content.get("data")
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise ConfigError(f"the ConfigMap in {file} has no data of file names and texts")
    return data
