"""Make the relative paths of a Workspace absolute; they start at the YAML's own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmwright.api.workspace import DataDestination, DataSource, Inference, PresetSpec, Workspace
from llmwright.catalogue.model_directory import names_a_directory
from llmwright.reading.files import Unreadable, user_path


def with_absolute_paths(workspace: Workspace, base: Path) -> Workspace:
    """Return ``workspace`` with its relative paths and ``file:`` URLs made absolute against the directory ``base``.

    Changed are ``tuning.input.urls``, ``inference.adapters[].source.urls``, every ``volumeSource.hostPath.path``, and a
    ``preset.name`` that is a path.

    A tuning without an output gets the directory ``NAME-adapter`` in ``base``: in the state directory, its result would
    be lost when the Workspace is deleted.
    """
    changes: dict[str, Any] = {}
    if workspace.tuning:
        source, destination = workspace.tuning.input, workspace.tuning.output
        ends = {
            "preset": _preset(workspace.tuning.preset, base),
            "input": source and _source(source, base),
            "output": _destination(destination or DataDestination(), base, f"{workspace.name}-adapter"),
        }
        changes["tuning"] = workspace.tuning.model_copy(update=ends)
    if workspace.inference:
        changes["inference"] = _inference(workspace.inference, base)
    return workspace.model_copy(update=changes)


def _inference(inference: Inference, base: Path) -> Inference:
    adapters = [
        adapter.model_copy(update={"source": adapter.source and _source(adapter.source, base)})
        for adapter in inference.adapters
    ]
    changes = {"preset": _preset(inference.preset, base), **({"adapters": adapters} if adapters else {})}
    return inference.model_copy(update=changes)


def _preset(preset: PresetSpec | None, base: Path) -> PresetSpec | None:
    if preset is None or not names_a_directory(preset.name):
        return preset
    return preset.model_copy(update={"name": _url(preset.name, base)})


def _source(source: DataSource, base: Path) -> DataSource:
    update = {"urls": [_url(url, base) for url in source.urls], "volume_source": _volume(source.volume_source, base)}
    return source.model_copy(update=update)


def _destination(destination: DataDestination, base: Path, default: str) -> DataDestination:
    source = destination.volume_source
    if source is None and not destination.image:
        source = {"hostPath": {"path": default}}
    return destination.model_copy(update={"volume_source": _volume(source, base)})


def _url(url: str, base: Path) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        # No URL and no path: ``check`` says so, with its place.
        return url
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return url
    if parts.scheme == "file":
        return _uri(parts.netloc + parts.path, base) or url
    return url if parts.scheme else _uri(url, base) or url


def _uri(path: str, base: Path) -> str | None:
    absolute = _absolute(path, base)
    return absolute.as_uri() if absolute else None


def _volume(source: dict[str, Any] | None, base: Path) -> dict[str, Any] | None:
    host_path = (source or {}).get("hostPath")
    if not isinstance(host_path, dict) or not isinstance(host_path.get("path"), str):
        return source
    path = _absolute(host_path["path"], base)
    return {**(source or {}), "hostPath": {**host_path, "path": str(path)}} if path else source


def _absolute(path: str, base: Path) -> Path | None:
    """Return ``path`` below ``base``, None for a text that is no path: ``check`` names it."""
    try:
        written = base / user_path(path)
    except Unreadable:
        return None
    try:
        return written.resolve()
    except (OSError, RuntimeError):
        # A loop of links, or a name too long: the process that opens it says so.
        return written.absolute()
