"""Whether a Launch is sound: what it refers to it declares, and any target can carry it out."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass, is_dataclass
from pathlib import PurePosixPath
from typing import Any

from llmwright.testing.purity import CANARY
from llmwright.values.launch import REFERENCE, HttpGet, Launch, Probe, Process, SecretKey

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROLE = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_INTERPRETER = re.compile(r"python[0-9.]*")
_SECRET = re.compile(r"(.*_)?(TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|ACCESS_KEY)")
_SEQUENCES = ("prepare", "after", "beside", "volumes")


@dataclass(frozen=True, slots=True)
class Core:
    """The core's additions to a driver's Launch: volumes that it declares, and those that it mounts in ``main`` too."""

    declares: frozenset[str] = frozenset()
    mounts: frozenset[str] = frozenset()


NOTHING = Core()


def faults(launch: Launch, core: Core = NOTHING) -> list[str]:
    """Everything wrong with ``launch``, in words; empty for a sound one."""
    if not isinstance(launch, Launch):
        return [f"it is {type(launch).__name__}, no Launch"]
    untidy = [name for name in _SEQUENCES if not isinstance(getattr(launch, name), tuple)]
    if untidy:
        return [f"{name} is {type(getattr(launch, name)).__name__}, write a tuple" for name in untidy]
    volumes = [volume.name for volume in launch.volumes]
    problems = [f"volume {name!r} is declared twice" for name in set(volumes) if volumes.count(name) > 1]
    problems += [f"volume {name!r} is the core's to declare" for name in volumes if name in core.declares]
    names = [process.name for process in launch.processes]
    problems += [f"two processes are called {name!r}" for name in set(names) if names.count(name) > 1]
    problems += [f"port {name!r} is {number!r}" for name, number in launch.ports.items() if not 0 < number < 65536]
    for process in launch.processes:
        problems += [f"process {process.name!r}: {fault}" for fault in process_faults(process, launch, core)]
    if launch.ranks is not None:
        problems += _text_faults("ranks", (*launch.ranks.leader, *launch.ranks.worker), launch.main, launch, core)
    return problems


def process_faults(process: Process, launch: Launch, core: Core = NOTHING) -> Iterator[str]:
    """Everything wrong with one process of ``launch``."""
    if not _LABEL.fullmatch(process.name):
        yield "its name is no DNS label"
    if not _ROLE.fullmatch(process.image):
        yield f"image {process.image!r} is no role (settings map a role to an image)"
    if not process.argv or not all(isinstance(part, str) for part in process.argv):
        yield f"argv {process.argv!r} is not one or more strings"
        return
    if not isinstance(process.argv, tuple) or not isinstance(process.mounts, tuple):
        yield "its argv and its mounts must be tuples: a list can be changed by whoever holds it"
        return
    yield from _fixed_text_faults(process, launch)
    yield from _reference_faults(process, launch, core)


def _reference_faults(process: Process, launch: Launch, core: Core) -> Iterator[str]:
    if type(process.gpus) is not int or process.gpus < 0:
        yield f"gpus is {process.gpus!r}, not a whole number"
    declared = {volume.name for volume in launch.volumes} | core.declares
    for mount in process.mounts:
        if mount.volume not in declared:
            yield f"mounts {mount.volume!r}, which is not declared"
    for name, value in process.env.items():
        if not _VARIABLE.fullmatch(name) or not isinstance(value, (str, SecretKey)):
            yield f"env {name!r} is {type(value).__name__}, not str or SecretKey"
    yield from _text_faults("argv", process.argv, process, launch, core)
    yield from _text_faults("env", tuple(v for v in process.env.values() if isinstance(v, str)), process, launch, core)
    for probe in (process.startup, process.live, process.ready):
        yield from _probe_faults(probe, process, launch, core)


def _fixed_text_faults(process: Process, launch: Launch) -> Iterator[str]:
    """Texts that differ from one machine to the next, written out where a reference belongs."""
    first = PurePosixPath(process.argv[0]).name
    if _INTERPRETER.fullmatch(first) or sys.executable in process.argv:
        yield f"argv begins with {process.argv[0]!r}: write $(python), the Python that has the process's packages"
    for name, value in process.env.items():
        if _SECRET.fullmatch(name) and isinstance(value, str) and value:
            yield f"env {name!r} holds a secret's value: write SecretKey(NAME, KEY), a Launch is kept in files"
    texts = (*process.argv, *(value for value in process.env.values() if isinstance(value, str)))
    for mount in process.mounts:
        literal = re.compile(rf"(?<![\w$)./-]){re.escape(mount.path)}(?=[/,:\s]|$)")
        if any(literal.search(text) for text in texts):
            yield f"names {mount.path} where it means $(volume.{mount.volume}): on one machine it lies elsewhere"
    for name, number in launch.ports.items():
        if any(text == str(number) or text.endswith((f":{number}", f"={number}")) for text in process.argv):
            yield f"names the port {number} where it means $(port.{name}): a taken port is replaced by another"


def _text_faults(where: str, texts: tuple[str, ...], process: Process, launch: Launch, core: Core) -> Iterator[str]:
    mounted = {mount.volume for mount in process.mounts} | (core.mounts if process is launch.main else frozenset())
    for text in texts:
        for kind, _, name in (reference.partition(".") for reference in REFERENCE.findall(text)):
            if kind == "volume" and name not in mounted:
                yield f"{where} refers to volume {name!r}, which it does not mount"
            if kind == "port" and name not in launch.ports:
                yield f"{where} refers to port {name!r}, which is not declared"
        if CANARY in text:
            yield f"{where} holds a secret's value"


def _probe_faults(probe: Probe | None, process: Process, launch: Launch, core: Core) -> Iterator[str]:
    if probe is None:
        return
    if isinstance(probe.check, HttpGet):
        if probe.check.port not in launch.ports:
            yield f"a probe asks port {probe.check.port!r}, which is not declared"
        if not probe.check.path.startswith("/"):
            yield f"a probe asks {probe.check.path!r}, which is no path"
    else:
        yield from _text_faults("probe", probe.check.argv, process, launch, core)
    if min(probe.period_s, probe.timeout_s, probe.failure_threshold) < 1 or probe.initial_delay_s < 0:
        yield "a probe's times are not positive"


def volumes_in(text: str) -> tuple[str, ...]:
    """The names of the volumes that ``text`` refers to."""
    return tuple(
        name
        for kind, _, name in (reference.partition(".") for reference in REFERENCE.findall(text))
        if kind == "volume"
    )


def as_json(value: Any) -> str:
    """``value`` as JSON.

    Raises:
        TypeError: it holds something that JSON does not have.
    """
    return json.dumps(asdict(value) if is_dataclass(value) and not isinstance(value, type) else value, default=_plain)


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return asdict(value)
    raise TypeError(f"{type(value).__name__} has no JSON")
