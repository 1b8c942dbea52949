"""The names of a data set's files, where they are known without a network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from llmwright.artifacts.filenames import file_name, free_name
from llmwright.reading.files import is_directory

if TYPE_CHECKING:
    from llmwright.api.workspace import Workspace
    from llmwright.values.plan import Target

MOST_NAMES = 10_000
"""More files than this are no data set that a person reads about."""


def data_names(workspace: Workspace, target: Target) -> tuple[str, ...] | None:
    """Return the paths of the data set's files below its directory: as they will be downloaded, or as they lie here.

    None where they are not known: in an image, in a volume of a cluster, behind a URL whose name the server decides.
    """
    source = workspace.tuning.input if workspace.tuning else None
    if source is None:
        return None
    if source.urls:
        return _downloaded(source.urls)
    host = (source.volume_source or {}).get("hostPath") if target == "local" else None
    path = host.get("path") if isinstance(host, dict) else None
    if not isinstance(path, str) or not is_directory(Path(path)):
        return None
    return tuple(islice(_below(Path(path)), MOST_NAMES))


def _downloaded(urls: list[str]) -> tuple[str, ...] | None:
    names: list[str] = []
    for url in urls:
        try:
            name = file_name(urlsplit(url).path)
        except ValueError:
            return None
        if not PurePosixPath(name).suffix:
            return None
        names.append(free_name(name, names))
    return tuple(names)


def _below(directory: Path) -> Iterator[str]:
    for folder, below, files in os.walk(directory):
        below.sort()
        yield from ((Path(folder) / name).relative_to(directory).as_posix() for name in sorted(files))
