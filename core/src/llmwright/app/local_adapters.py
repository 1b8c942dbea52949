"""Adapters whose files are on this machine: whether each fits its base, before anything starts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from llmwright.catalogue.adapter_directory import read_adapter
from llmwright.catalogue.adapter_fit import misfits
from llmwright.catalogue.base_layers import base_layers
from llmwright.errors import ConfigError, Problem
from llmwright.reading.files import is_directory

if TYPE_CHECKING:
    from llmwright.api.workspace import DataSource, Workspace
    from llmwright.values.lora_adapter import LoraAdapter
    from llmwright.values.plan import Target
    from llmwright.values.preset import Preset

HUB = "hf://"


def adapter_problems(workspace: Workspace, target: Target, preset: Preset | None) -> Iterator[Problem]:
    """Yield why an adapter cannot be served with ``preset``; a warning where it names another base that it may fit."""
    for path, source, directory in _directories(workspace, target):
        name = f"adapter {source.name or directory.name}"
        try:
            adapter = read_adapter(directory, name)
        except ConfigError as error:
            yield Problem(path, error.message, error.hint, reason=error.reason)
            continue
        if preset is not None:
            yield from _fit_problems(path, name, adapter, preset)


def adapter_ranks(workspace: Workspace, target: Target) -> dict[str, int]:
    """Return the rank of each adapter that can be read here, by its name."""
    ranks: dict[str, int] = {}
    for _, source, directory in _directories(workspace, target):
        try:
            ranks[source.name] = read_adapter(directory, source.name).rank
        except ConfigError:
            # ``check`` has named it.
            continue
    return ranks


def _directories(workspace: Workspace, target: Target) -> Iterator[tuple[str, DataSource, Path]]:
    """Yield the YAML path, the source and the directory of each adapter that is there."""
    adapters = workspace.inference.adapters if workspace.inference and target == "local" else []
    for index, spec in enumerate(adapters):
        directory = _directory(spec.source) if spec.source is not None else None
        if spec.source is not None and directory is not None and is_directory(directory):
            yield f"inference.adapters[{index}].source", spec.source, directory


def _directory(source: DataSource) -> Path | None:
    host = (source.volume_source or {}).get("hostPath")
    path = host.get("path") if isinstance(host, dict) else None
    if isinstance(path, str) and path:
        return Path(path)
    if len(source.urls) == 1 and source.urls[0].startswith("file:"):
        return Path(unquote(urlsplit(source.urls[0]).path))
    return None


def _fit_problems(path: str, name: str, adapter: LoraAdapter, preset: Preset) -> Iterator[Problem]:
    base = base_layers(preset)
    layers = preset.architecture.layers if preset.architecture else None
    wrong = [*misfits(adapter, sizes=base.sizes, complete=base.complete, layers=layers)]
    of = f"; it was made for {adapter.base}" if adapter.base else ""
    for misfit in wrong:
        message = f"{name} does not fit {preset.name}: {misfit.message}{of}"
        yield Problem(path, message, "take an adapter of this base, or its base for the preset", reason="AdapterMisfit")
    if not wrong and _is_another(adapter.base, preset):
        message = f"{name} was made for {adapter.base}, and {preset.name} is {preset.source.removeprefix(HUB)}"
        hint = "its answers may be worse than with its own base"
        yield Problem(path, message, hint, severity="warning", reason="AnotherBase")


def _is_another(base: str, preset: Preset) -> bool:
    """Whether both are models of the hub, of different names; a directory may hold any."""
    if not preset.source.startswith(HUB) or base.count("/") != 1 or base.startswith((".", "/")):
        return False
    return base.lower() != preset.source.removeprefix(HUB).lower()
