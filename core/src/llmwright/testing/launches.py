"""Whether a Launch is sound: what it refers to it declares, and any target can carry it out, on any machine."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from pathlib import PurePosixPath
from typing import Any

from llmwright.plugins import launch_faults
from llmwright.plugins.launch_faults import NOTHING, Core
from llmwright.testing.purity import CANARY
from llmwright.values.launch import REFERENCE, HttpGet, Launch, Process

_INTERPRETER = re.compile(r"python[0-9.]*")
_SECRET = re.compile(r"(.*_)?(TOKEN|SECRET|PASSWORD|PASSWD|API_KEY|ACCESS_KEY)")
_NOTHING = re.compile(r"(?<![\w.-])None(?![\w.-])")
_SEQUENCES = ("prepare", "after", "beside", "volumes")


def faults(launch: Launch, core: Core = NOTHING) -> list[str]:
    """Everything wrong with ``launch``, in words; empty for a sound one. The core's own faults are among them."""
    if not isinstance(launch, Launch):
        return [f"it is {type(launch).__name__}, no Launch"]
    untidy = [name for name in _SEQUENCES if not isinstance(getattr(launch, name), tuple)]
    if untidy:
        return [f"{name} is {type(getattr(launch, name)).__name__}, write a tuple" for name in untidy]
    problems = launch_faults.faults(launch, core)
    for process in launch.processes:
        problems += [f"process {process.name!r}: {fault}" for fault in _further_faults(process, launch)]
    problems += [
        f"process {process.name!r} asks for {process.gpus} GPUs: leave gpus to main, which computes"
        for process in (*launch.prepare, *launch.beside)
        if process.gpus
    ]
    if launch.ranks is not None:
        problems += _secret_faults("ranks", (*launch.ranks.leader, *launch.ranks.worker))
    return problems


def process_faults(process: Process, launch: Launch, core: Core = NOTHING) -> Iterator[str]:
    """Everything wrong with one process of ``launch``."""
    yield from launch_faults.process_faults(process, launch, core)
    yield from _further_faults(process, launch)


def _further_faults(process: Process, launch: Launch) -> Iterator[str]:
    """Faults that the core lets be, because a target could carry them out."""
    if not process.argv or not all(isinstance(part, str) for part in process.argv):
        return
    if not isinstance(process.argv, tuple) or not isinstance(process.mounts, tuple):
        yield "its argv and its mounts must be tuples: a list can be changed by whoever holds it"
        return
    yield from _fixed_text_faults(process, launch)
    places = [mount.path for mount in process.mounts]
    if not all(place.startswith("/") for place in places):
        yield f"mounts at {', '.join(places)}: a place in a pod begins with /"
    if len({*places}) < len(places):
        yield f"mounts two volumes at one place: {', '.join(places)}"
    if type(process.gpus) is not int or process.gpus < 0:
        yield f"gpus is {process.gpus!r}, not a whole number"
    yield from _secret_faults("argv", process.argv)
    yield from _secret_faults("env", tuple(value for value in process.env.values() if isinstance(value, str)))
    for probe in (process.startup, process.live, process.ready):
        if probe is not None and not isinstance(probe.check, HttpGet):
            yield from _secret_faults("probe", probe.check.argv)


def _secret_faults(where: str, texts: tuple[str, ...]) -> Iterator[str]:
    for text in texts:
        if CANARY in text:
            yield f"{where} holds a secret's value"


def _fixed_text_faults(process: Process, launch: Launch) -> Iterator[str]:
    """Texts that differ from one machine to the next, written out where a reference belongs."""
    first = PurePosixPath(process.argv[0]).name
    if _INTERPRETER.fullmatch(first) or sys.executable in process.argv:
        yield f"argv begins with {process.argv[0]!r}: write $(python), the Python that has the process's packages"
    for name, value in process.env.items():
        if _SECRET.fullmatch(name) and isinstance(value, str) and value:
            yield f"env {name!r} holds a secret's value: write SecretKey(NAME, KEY), a Launch is kept in files"
    texts = (*process.argv, *(value for value in process.env.values() if isinstance(value, str)))
    for text in texts:
        if "\n" not in text and _NOTHING.search(text):
            yield f"{text!r} has Python's None for a value that is not there: leave the whole argument out"
    for mount in process.mounts:
        literal = re.compile(rf"(?<![\w$)./-]){re.escape(mount.path)}(?=[/,:\s]|$)")
        if any(literal.search(text) for text in texts):
            yield f"names {mount.path} where it means $(volume.{mount.volume}): on one machine it lies elsewhere"
    for name, number in launch.ports.items():
        if any(text == str(number) or text.endswith((f":{number}", f"={number}")) for text in process.argv):
            yield f"names the port {number} where it means $(port.{name}): a taken port is replaced by another"


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
