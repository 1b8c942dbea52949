"""Everything outside of a Launch that its processes need on this machine."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmwright.reading.files import Unreadable, user_path
from llmwright.targets.local.launch.process_environment import environment_of
from llmwright.targets.local.launch.volume_directories import VolumeDirectories, memory_directory
from llmwright.targets.local.options import LocalOptions
from llmwright.targets.local.store.applied_workspace import AppliedWorkspace
from llmwright.targets.local.store.workspace_store import WorkspaceStore
from llmwright.values.launch import Exec, Launch, Probe, Process, resolve

PRIVATE = 0o077
"""The umask of what writes data, weights and logs of one user: nobody else reads them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchContext:
    """Where the Launches of one Workspace, or of one temporary server, run.

    ``mark`` identifies it in the environment of its processes. ``host`` is the address that servers bind.
    ``required_secrets`` names variables that must be set for a process that takes a secret from them, even where its
    Launch calls the secret optional. ``users_umask`` is for processes that write into the user's own directories.
    """

    volumes: VolumeDirectories
    mark: str
    host: str
    required_secrets: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    users_umask: int = -1

    @classmethod
    def of(
        cls,
        options: LocalOptions,
        *,
        scratch: Path,
        mark: str,
        base_directory: Path,
        config_files: Mapping[str, Mapping[str, str]],
        required_secrets: tuple[str, ...] = (),
        users_umask: int = -1,
    ) -> LaunchContext:
        """Return the context with the environment of this process."""
        credentials = options.docker_config or os.environ.get("DOCKER_CONFIG") or "~/.docker"
        volumes = VolumeDirectories(
            scratch=scratch,
            memory=memory_directory(mark),
            base_directory=base_directory,
            credentials=_directory(credentials),
            config_files=config_files,
            users_umask=users_umask,
        )
        return cls(
            volumes=volumes, mark=mark, host=options.host, required_secrets=required_secrets, users_umask=users_umask
        )

    @classmethod
    def of_workspace(cls, store: WorkspaceStore, applied: AppliedWorkspace, users_umask: int = -1) -> LaunchContext:
        """Return the context of an applied Workspace."""
        return cls.of(
            applied.options,
            scratch=store.volumes,
            mark=store.mark,
            base_directory=Path(applied.base_directory),
            config_files=applied.config_files,
            required_secrets=applied.secrets,
            users_umask=users_umask,
        )

    def resolve(self, launch: Launch, process: Process, ports: Mapping[str, int]) -> Process:
        """Return ``process`` with its references (``$(volume.NAME)``, ``$(port.NAME)``, ...) filled in.

        Raises:
            TargetError: ``VolumeNotSupported``.
        """
        references = {f"volume.{volume.name}": str(self.volumes.of(volume)) for volume in launch.volumes}
        references |= {f"port.{name}": str(number) for name, number in ports.items()}
        references |= {"host": self.host, "python": sys.executable}
        return replace(resolve(process, references), **_resolved_probes(process, references))

    def umask(self, launch: Launch, process: Process) -> int:
        """Return the umask of ``process``: the user's own where it writes into a directory of the user's, else 077."""
        written = {mount.volume for mount in process.mounts if not mount.read_only}
        own = {volume.name for volume in launch.volumes if volume.kind in ("directory", "volume_source")}
        return self.users_umask if written & own or self.users_umask < 0 else PRIVATE

    def environment(self, process: Process) -> dict[str, str]:
        """Return the environment of ``process``, with its secrets.

        Raises:
            TargetError: ``SecretMissing``.
        """
        return environment_of(process, self.mark, self.environ, self.required_secrets)


def _directory(path: str | Path) -> Path:
    """Return the directory of credentials; without a home directory the path as it is written, where nothing is."""
    try:
        return user_path(path)
    except Unreadable:
        return Path(path)


def _resolved_probes(process: Process, references: Mapping[str, str]) -> dict[str, Any]:
    """Return the probes that run a program, by field name, with the references in their arguments filled in."""
    probes: dict[str, Probe | None] = {"startup": process.startup, "live": process.live, "ready": process.ready}
    resolved: dict[str, Any] = {}
    for name, probe in probes.items():
        if probe is not None and isinstance(probe.check, Exec):
            argv = resolve(Process(name=process.name, argv=probe.check.argv), references).argv
            resolved[name] = replace(probe, check=Exec(argv))
    return resolved
