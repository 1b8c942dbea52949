"""Launch: the processes to run, free of Kubernetes.

Strings in ``argv`` and ``env`` may hold references that the target resolves:

| reference | stands for |
|---|---|
| ``$(volume.NAME)`` | where the volume NAME is mounted for this process |
| ``$(port.NAME)`` | the number of the port NAME |
| ``$(host)`` | the address to bind (all interfaces in a pod, loopback on one machine) |
| ``$(python)`` | the Python that has the packages of the process |
| ``$(leader)`` | the name under which all machines of ``ranks`` reach the first |
| ``$(address)`` | the address under which other machines reach this one; alone, as the value of a variable |
| ``$(rank)`` | the number of this machine among those of ``ranks``, from 0; in ``ranks`` alone |

Any other ``$(…)`` is left as it stands.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property
from typing import Any, Literal

REFERENCE = re.compile(r"\$\((volume\.[\w.-]+|port\.[\w.-]+|host|python|leader|address|rank)\)")

VolumeKind = Literal["scratch", "memory", "config", "directory", "volume_source", "secret"]


@dataclass(frozen=True, slots=True)
class SecretKey:
    """A secret by name, never by value: Kubernetes Secret ``name``, key ``key``; locally the variable ``key``."""

    name: str
    key: str
    optional: bool = True


API_KEY = SecretKey("llmwright-api-key", "LLMWRIGHT_API_KEY")
"""The key that requests must carry, where there is one. A runtime that keeps it has it in its main process."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """Storage that processes of one Launch share.

    ``scratch`` lives as long as the workload (on one machine: as the Workspace), ``memory`` is shared memory,
    ``config`` the user's config named ``source``, ``directory`` a path of the host, ``volume_source`` a Kubernetes
    volume source as the user wrote it, ``secret`` the files of the secrets named in ``source``.
    """

    name: str
    kind: VolumeKind = "scratch"
    source: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Mount:
    """Volume ``volume`` mounted at ``path``; a target without containers may choose another path."""

    volume: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class HttpGet:
    """A probe: GET ``path`` on the port named ``port`` must answer 200."""

    path: str
    port: str = "http"


@dataclass(frozen=True, slots=True)
class Exec:
    """A probe: the command must end with exit code 0."""

    argv: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """A check with its timings in seconds, as in the probe fields of Kubernetes."""

    check: HttpGet | Exec
    initial_delay_s: int = 0
    period_s: int = 10
    timeout_s: int = 1
    failure_threshold: int = 3
    termination_grace_s: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """One program. ``image`` is a role: an open string that the settings map to an image. ``argv`` is the command.

    An ``argv`` that begins with a flag is for the image's own program, so only a target with images can run it.
    """

    name: str
    argv: tuple[str, ...]
    image: str = "workload"
    env: Mapping[str, str | SecretKey] = field(default_factory=dict)
    mounts: tuple[Mount, ...] = ()
    startup: Probe | None = None
    live: Probe | None = None
    ready: Probe | None = None
    gpus: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranks:
    """Several machines as one: the command of each, and the port where they meet.

    The first machine runs ``leader``, which ends once all have met, and then the Launch's ``main``; without a
    ``leader`` the main process waits for the others itself. Each other machine runs ``worker`` instead. All use the
    image, environment, mounts and probes of ``main``.
    """

    count: int
    leader: tuple[str, ...]
    worker: tuple[str, ...]
    rendezvous_port: int


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Run ``prepare`` in order, then ``main``, then ``after`` in order. ``ports`` maps a name to its default number.

    ``beside`` run as long as ``main`` does. One that answers on ``http`` in its place leaves it the port ``engine``.
    ``images`` holds images for roles that settings map to none.
    """

    main: Process
    prepare: tuple[Process, ...] = ()
    after: tuple[Process, ...] = ()
    beside: tuple[Process, ...] = ()
    volumes: tuple[Volume, ...] = ()
    ports: Mapping[str, int] = field(default_factory=dict)
    ranks: Ranks | None = None
    images: Mapping[str, str] = field(default_factory=dict)

    @property
    def processes(self) -> tuple[Process, ...]:
        """All processes in their order; ``beside`` comes after ``main``."""
        return (*self.prepare, self.main, *self.beside, *self.after)

    @cached_property
    def digest(self) -> str:
        """64 hex digits of the content; the same before and after a round trip through JSON."""
        text = json.dumps(_plain(self), sort_keys=True, separators=(",", ":"), default=str)
        return hashlib.sha256(text.encode()).hexdigest()


def resolve(process: Process, references: Mapping[str, str]) -> Process:
    """``process`` with each ``$(name)`` in argv and env replaced by ``references[name]``, as ``fill`` does."""
    env = {name: fill(value, references) if isinstance(value, str) else value for name, value in process.env.items()}
    return replace(process, argv=tuple(fill(part, references) for part in process.argv), env=env)


def fill(text: str, references: Mapping[str, str]) -> str:
    """``text`` with each ``$(name)`` replaced by ``references[name]``.

    A name that ``references`` does not hold stands in a user's own text (a chat template) and stays, as in Kubernetes.
    """
    return REFERENCE.sub(lambda match: references.get(match[1], match[0]), text)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
