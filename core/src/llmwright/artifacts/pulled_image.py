"""The note in a directory about the image that was pulled into it, so that a restart pulls nothing again."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmwright.artifacts.artifact_errors import disk_errors
from llmwright.artifacts.pull_room import LASTING
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json_file

NOTE = ".image.json"


@dataclass(frozen=True, slots=True)
class PulledImage:
    """The image whose whole content lies in a directory: the name that was pulled, and its digests."""

    reference: str
    digest: str
    index: str = ""
    files: Mapping[str, Any] = field(default_factory=dict)

    def holds(self, digest: str) -> bool:
        """Whether ``digest`` is the image's, or that of the index behind which it was found."""
        return digest in (self.digest, self.index)

    @classmethod
    def read(cls, directory: Path) -> PulledImage | None:
        """Return the image in ``directory``; None where none was pulled, or its files are no longer what came."""
        try:
            note = read_json_file(directory / NOTE)
        except (OSError, Unreadable):
            return None
        if not isinstance(note, dict) or note.get("files") != _files(directory):
            return None
        reference, digest, index = (note.get(key) for key in ("reference", "digest", "index"))
        if not (isinstance(reference, str) and isinstance(digest, str) and isinstance(index, str)):
            return None
        return cls(reference, digest, index, note["files"])

    def write(self, directory: Path) -> None:
        """Note that ``directory`` holds the image whole."""
        note = {"reference": self.reference, "digest": self.digest, "index": self.index, "files": _files(directory)}
        with disk_errors(directory):
            written = directory / f"{NOTE}.new"
            written.write_text(json.dumps(note))
            # By a rename: killed while it is written, there is no note, and the next pull looks at all again.
            written.replace(directory / NOTE)

    def remove_rest(self, directory: Path) -> None:
        """Remove the files of this image that the pull of another one has left as they were."""
        now = _files(directory)
        with disk_errors(directory):
            for name, about in self.files.items():
                if now.get(name) == about:
                    (directory / name).unlink(missing_ok=True)


def _files(directory: Path) -> Mapping[str, Any]:
    """Return size and time of the last change of each file: what changes when somebody writes to one."""
    files: dict[str, Any] = {}
    for folder, below, names in os.walk(directory):
        below[:] = [name for name in below if name != LASTING]
        for name in names:
            path = Path(folder, name)
            if not path.name.startswith(NOTE):
                about = path.lstat()
                files[path.relative_to(directory).as_posix()] = [about.st_size, about.st_mtime_ns]
    return files
