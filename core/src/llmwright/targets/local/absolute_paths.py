"""Make the relative paths of a Workspace absolute; they start at the YAML's own directory."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from llmwright.api.workspace import DataDestination, DataSource, Workspace


def with_absolute_paths(workspace: Workspace, base: Path) -> Workspace:
    """Return ``workspace`` with its relative paths and ``file:`` URLs made absolute against the directory ``base``.

    Changed are ``tuning.input.urls``, ``inference.adapters[].source.urls`` and every ``volumeSource.hostPath.path``.
    A tuning without an output gets the directory ``NAME-adapter`` in ``base``: in the state directory, its result would
    be lost when the Workspace is deleted.
    """
    changes: dict[str, Any] = {}
    if workspace.tuning:
        source, destination = workspace.tuning.input, workspace.tuning.output
        ends = {
            "input": source and _source(source, base),
            "output": _destination(destination or DataDestination(), base, f"{workspace.name}-adapter"),
        }
        changes["tuning"] = workspace.tuning.model_copy(update=ends)
    if workspace.inference and workspace.inference.adapters:
        adapters = [
            adapter.model_copy(update={"source": adapter.source and _source(adapter.source, base)})
            for adapter in workspace.inference.adapters
        ]
        changes["inference"] = workspace.inference.model_copy(update={"adapters": adapters})
    return workspace.model_copy(update=changes)


def _source(source: DataSource, base: Path) -> DataSource:
    update = {"urls": [_url(url, base) for url in source.urls], "volume_source": _volume(source.volume_source, base)}
    return source.model_copy(update=update)


def _destination(destination: DataDestination, base: Path, default: str) -> DataDestination:
    source = destination.volume_source
    if source is None and not destination.image:
        source = {"hostPath": {"path": default}}
    return destination.model_copy(update={"volume_source": _volume(source, base)})


def _url(url: str, base: Path) -> str:
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return url
    if parts.scheme == "file":
        return _absolute(parts.netloc + parts.path, base).as_uri()
    return url if parts.scheme else _absolute(url, base).as_uri()


def _volume(source: dict[str, Any] | None, base: Path) -> dict[str, Any] | None:
    host_path = (source or {}).get("hostPath")
    if not isinstance(host_path, dict) or not isinstance(host_path.get("path"), str):
        return source
    return {**(source or {}), "hostPath": {**host_path, "path": str(_absolute(host_path["path"], base))}}


def _absolute(path: str, base: Path) -> Path:
    return (base / Path(path).expanduser()).resolve()
