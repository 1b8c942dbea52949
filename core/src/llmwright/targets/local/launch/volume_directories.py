"""The volumes of a Launch as directories of this machine."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from llmwright.errors import TargetError
from llmwright.reading.files import Unreadable, user_path
from llmwright.targets.local.store.json_records import disk_error
from llmwright.targets.local.store.private_files import check_owner, make_folders
from llmwright.values.launch import Launch, Volume

RESULTS = "results"
"""The volume that a tuner writes into."""

DATA = "data"
"""The volume that a data set is fetched into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDirectories:
    """The directories of one Workspace's volumes, or of one temporary server's.

    ``scratch`` holds the scratch volumes, which all roles share by name, ``memory`` those in memory. Paths of the
    user's own directories start at ``base_directory``. ``config_files`` holds the text of each config by its name and
    then by file name. ``credentials`` is the directory of the user's docker ``config.json``.
    The user's own directories are made by ``users_umask``, where that is not -1.
    """

    scratch: Path
    memory: Path
    base_directory: Path
    credentials: Path
    config_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    users_umask: int = -1

    def of(self, volume: Volume) -> Path:
        """Return the directory of ``volume``.

        Raises:
            TargetError: ``VolumeNotSupported``.
        """
        if volume.kind == "directory":
            return self._absolute(str(volume.source))
        if volume.kind == "volume_source":
            return self._absolute(_host_path(volume))
        if volume.kind == "secret":
            return self.credentials
        if volume.kind == "memory":
            return self.memory / volume.name
        return self.scratch / volume.name

    def results(self, launch: Launch) -> Path:
        """Return the directory that the tuner of ``launch`` writes into."""
        return self.of(next((volume for volume in launch.volumes if volume.name == RESULTS), Volume(name=RESULTS)))

    def prepare(self, launch: Launch) -> None:
        """Make the directories of ``launch`` and write its configs.

        Raises:
            TargetError: ``VolumeNotSupported``, ``ConfigNotFound``, or the disk refuses.
        """
        written = {mount.volume for process in launch.processes for mount in process.mounts if not mount.read_only}
        for volume in launch.volumes:
            directory = self.of(volume)
            try:
                self._make(volume, directory, written)
            except OSError as error:
                raise disk_error(directory, error) from error

    def empty(self, volume: str) -> None:
        """Remove the content of the scratch volume of that name, never that of a user's own directory."""
        shutil.rmtree(self.scratch / volume, ignore_errors=True)

    def set_results_aside(self) -> None:
        """Move another tuning's results out of the way, so that its checkpoints are not taken up."""
        results, aside = self.scratch / RESULTS, self.scratch / f".{RESULTS}-before"
        if results.exists():
            shutil.rmtree(aside, ignore_errors=True)
            results.rename(aside)

    def free_memory(self) -> None:
        """Remove the volumes in memory, which lie outside of the Workspace's folder."""
        shutil.rmtree(self.memory, ignore_errors=True)

    def _make(self, volume: Volume, directory: Path, written: set[str]) -> None:
        # A user's directory that is only read has to exist: a mistyped path must not turn into an empty data set.
        if volume.kind in ("scratch", "memory", "config") or (volume.kind != "secret" and volume.name in written):
            self._make_folder(volume, directory)
        if volume.kind == "config":
            for name, text in self._config(volume).items():
                # The name alone: a ConfigMap's key must not lead out of the volume.
                (directory / Path(name).name).write_text(text, encoding="utf-8")

    def _make_folder(self, volume: Volume, directory: Path) -> None:
        if volume.kind == "memory":
            # Of a known name in a place that all users share: another may have made it, to read what is put there.
            make_folders(self.memory.parent)
            check_owner(self.memory.parent)
        if volume.kind in ("scratch", "memory", "config"):
            make_folders(directory)
            return
        missing = [folder for folder in (directory, *directory.parents) if not folder.exists()]
        directory.mkdir(parents=True, exist_ok=True)
        for folder in missing if self.users_umask >= 0 else ():
            folder.chmod(0o777 & ~self.users_umask)

    def _config(self, volume: Volume) -> Mapping[str, str]:
        if volume.source not in self.config_files:
            raise TargetError(
                f"the config {volume.source!r} is not there",
                hint="put a file of that name beside the YAML or into --config-dir, then apply again",
                reason="ConfigNotFound",
            )
        return self.config_files[volume.source]

    def _absolute(self, path: str) -> Path:
        try:
            return (self.base_directory / user_path(path)).absolute()
        except Unreadable as error:
            raise TargetError(f"the path {path!r} {error}", reason="PathInvalid") from error


def memory_directory(mark: str) -> Path:
    """Return the directory in memory for the Workspace that ``mark`` identifies, else a temporary one."""
    shared = Path("/dev/shm")  # noqa: S108
    root = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
    return root / f"llmwright-{os.getuid()}" / mark.replace("/", "_").lstrip("_")


def _host_path(volume: Volume) -> str:
    source: Any = volume.source if isinstance(volume.source, Mapping) else {}
    path = (source.get("hostPath") or {}).get("path")
    if not path:
        kinds = ", ".join(sorted(source)) or "empty"
        raise TargetError(
            f"volume {volume.name} is of a kind that one machine does not have ({kinds})",
            hint="use hostPath, which is a directory here",
            reason="VolumeNotSupported",
        )
    return str(path)
