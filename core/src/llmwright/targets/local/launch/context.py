"""Where a Launch runs on this machine: its volumes as directories, its references, its environment."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from llmwright.errors import TargetError
from llmwright.targets.local.process.child import MARK
from llmwright.targets.local.store.json_records import refused
from llmwright.values.launch import Exec, Launch, Probe, Process, SecretKey, Volume, resolve

RESULTS = "results"

SHARED_MACHINE: Mapping[str, str] = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Threads that wait sleep. By default libgomp's spin, and on a machine that is busy with anything else torch then runs
at a tenth of its speed: 313 against 2,595 tokens/s of the quickstart's tuning on 2 cores at load 3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folders of one Workspace (or of one passing server).

    ``volumes`` holds the scratch volumes, which all roles share by name; ``mark`` names the Workspace in the
    environment of its processes; ``base_directory`` is what relative paths mean. ``secrets`` names the variables that
    must be there for whatever takes a secret from them, though its Launch could do without.
    """

    volumes: Path
    mark: str
    host: str
    base_directory: Path
    config_files: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    docker_config: str | None = None
    secrets: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    def prepare(self, launch: Launch) -> None:
        """Make what the volumes need.

        Raises:
            TargetError: a volume of a kind that this machine does not have, or the disk refuses.
        """
        written = {mount.volume for process in launch.processes for mount in process.mounts if not mount.read_only}
        for volume in launch.volumes:
            directory = self.directory(volume)
            try:
                self._make(volume, directory, written)
            except OSError as error:
                raise refused(directory, error) from error

    def directory(self, volume: Volume) -> Path:
        """The directory that ``volume`` is here.

        Raises:
            TargetError: ``VolumeNotSupported``.
        """
        if volume.kind == "directory":
            return self._absolute(str(volume.source))
        if volume.kind == "volume_source":
            return self._absolute(_host_path(volume))
        if volume.kind == "secret":
            return Path(self.docker_config or self.environ.get("DOCKER_CONFIG") or "~/.docker").expanduser()
        if volume.kind == "memory":
            return self._memory() / volume.name
        return self.volumes / volume.name

    def resolved(self, launch: Launch, process: Process, ports: Mapping[str, int]) -> Process:
        """``process`` with every reference and every secret filled in.

        Raises:
            TargetError: a reference or a secret that is not there.
        """
        references = {f"volume.{volume.name}": str(self.directory(volume)) for volume in launch.volumes}
        references |= {f"port.{name}": str(number) for name, number in ports.items()}
        references |= {"host": self.host, "python": sys.executable}
        try:
            return replace(resolve(process, references), **_resolved_probes(process, references))
        except KeyError as error:
            message = f"{process.name} refers to $({error.args[0]}), which its Launch does not declare"
            raise TargetError(message, reason="LaunchInvalid") from error

    def environment(self, process: Process) -> dict[str, str]:
        """The environment of ``process``: this process's own, its Launch's, and the secrets it names.

        Raises:
            TargetError: ``SecretMissing``.
        """
        env = {**SHARED_MACHINE, **self.environ, "PYTHONUNBUFFERED": "1", MARK: self.mark}
        for name, value in process.env.items():
            if isinstance(value, SecretKey):
                self._secret(env, name, value, process)
            else:
                env[name] = value
        return env

    def results(self, launch: Launch) -> Path:
        """Where the tuner of ``launch`` writes: its volume ``results``."""
        found = next((volume for volume in launch.volumes if volume.name == RESULTS), Volume(name=RESULTS))
        return self.directory(found)

    def clear(self) -> None:
        """Remove what lies outside of the Workspace's folder."""
        shutil.rmtree(self._memory(), ignore_errors=True)

    def discard(self, volume: str) -> None:
        """Empty the scratch volume of that name; one that lies elsewhere is the user's own."""
        shutil.rmtree(self.volumes / volume, ignore_errors=True)

    def set_results_aside(self) -> None:
        """Move the results of another tuning out of the way, so that nothing of them is taken up again."""
        results, aside = self.volumes / RESULTS, self.volumes / f".{RESULTS}-before"
        if results.exists():
            shutil.rmtree(aside, ignore_errors=True)
            results.rename(aside)

    def _make(self, volume: Volume, directory: Path, written: set[str]) -> None:
        if volume.kind in ("scratch", "memory", "config") or (volume.kind != "secret" and volume.name in written):
            directory.mkdir(parents=True, exist_ok=True)
        if volume.kind == "config":
            for name, text in self._config(volume).items():
                (directory / Path(name).name).write_text(text, encoding="utf-8")

    def _config(self, volume: Volume) -> Mapping[str, str]:
        if volume.source not in self.config_files:
            raise TargetError(
                f"the config {volume.source!r} is not there",
                hint="put a file of that name beside the YAML or into --config-dir, then apply again",
                reason="ConfigNotFound",
            )
        return self.config_files[volume.source]

    def _secret(self, env: dict[str, str], name: str, secret: SecretKey, process: Process) -> None:
        found = self.environ.get(secret.key)
        if found is not None:
            env[name] = found
        elif not secret.optional or secret.key in self.secrets:
            raise TargetError(
                f"{process.name} needs the secret {secret.key} of {secret.name!r}",
                hint=f"set the environment variable {secret.key}, then apply again",
                reason="SecretMissing",
            )

    def _absolute(self, path: str) -> Path:
        return (self.base_directory / Path(path).expanduser()).absolute()

    def _memory(self) -> Path:
        shared = Path("/dev/shm")  # noqa: S108
        root = shared if os.access(shared, os.W_OK) else Path(tempfile.gettempdir())
        return root / f"llmwright-{os.getuid()}" / self.mark.replace("/", "_").lstrip("_")


def _resolved_probes(process: Process, references: Mapping[str, str]) -> dict[str, Any]:
    """The probes that run a program, with the references in it filled in."""
    probes: dict[str, Probe | None] = {"startup": process.startup, "live": process.live, "ready": process.ready}
    found: dict[str, Any] = {}
    for name, probe in probes.items():
        if probe is not None and isinstance(probe.check, Exec):
            argv = resolve(Process(name=process.name, argv=probe.check.argv), references).argv
            found[name] = replace(probe, check=Exec(argv))
    return found


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
