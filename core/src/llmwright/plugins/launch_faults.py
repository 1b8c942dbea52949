"""Whether a Launch is sound: its values have their types, and what it refers to it declares."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llmwright.values.launch import REFERENCE, HttpGet, Launch, Mount, Probe, Process, SecretKey, Volume

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ROLE = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Core:
    """The core's additions to a driver's Launch: volumes that it declares, and those that it mounts in ``main`` too.

    ``quoted`` are references that stand in a user's own text, such as a chat template: they are left as they are.
    """

    declares: frozenset[str] = frozenset()
    mounts: frozenset[str] = frozenset()
    quoted: frozenset[str] = frozenset()


NOTHING = Core()


def faults(launch: Launch, core: Core = NOTHING) -> list[str]:
    """Everything wrong with ``launch``, in words; empty for a sound one."""
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


def _text_faults(where: str, texts: tuple[str, ...], process: Process, launch: Launch, core: Core) -> Iterator[str]:
    mounted = {mount.volume for mount in process.mounts} | (core.mounts if process is launch.main else frozenset())
    for text in texts:
        references = (reference for reference in REFERENCE.findall(text) if reference not in core.quoted)
        for kind, _, name in (reference.partition(".") for reference in references):
            if kind == "volume" and name not in mounted:
                yield f"{where} refers to volume {name!r}, which it does not mount"
            if kind == "port" and name not in launch.ports:
                yield f"{where} refers to port {name!r}, which is not declared"


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


def type_faults(launch: Launch) -> list[str]:
    """Everything in ``launch`` that is not of its declared type, in words: what no target could carry out."""
    lists = {"prepare": Process, "after": Process, "beside": Process, "volumes": Volume}
    problems = [
        f"{name} is {type(values).__name__}, no tuple of {kind.__name__}"
        for name, kind in lists.items()
        if not (isinstance(values := getattr(launch, name), list | tuple) and all(isinstance(v, kind) for v in values))
    ]
    if not isinstance(launch.main, Process):
        problems.append(f"main is {type(launch.main).__name__}, no Process")
    if not isinstance(launch.ports, Mapping) or not all(_is_port(number) for number in launch.ports.values()):
        problems.append(f"ports are {launch.ports!r}, no names with numbers from 1 to 65535")
    if problems:
        return problems
    return [f"process {process.name!r}: {fault}" for process in launch.processes for fault in _process_types(process)]


def _is_port(number: object) -> bool:
    return isinstance(number, int) and not isinstance(number, bool) and 0 < number < 65536


def _process_types(process: Process) -> Iterator[str]:
    argv = process.argv
    if not isinstance(argv, list | tuple) or not argv or not all(isinstance(part, str) for part in argv):
        yield f"argv {argv!r} is not one or more strings"
    if not isinstance(process.env, Mapping):
        yield f"env is {type(process.env).__name__}, no mapping"
        return
    for name, value in process.env.items():
        if not isinstance(name, str) or not isinstance(value, str | SecretKey):
            yield f"env {name!r} is {type(value).__name__}, not str or SecretKey"
    if not all(isinstance(mount, Mount) for mount in process.mounts):
        yield f"mounts are {process.mounts!r}, no Mount values"
