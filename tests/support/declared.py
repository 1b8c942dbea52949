"""Distributions of strangers that are only files on ``sys.path``, for commands that run in this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

Declare = Callable[..., None]
"""The fixture ``declared``, called with a distribution's name, entry points by group, and files by path."""


def write_distribution(
    site: Path, name: str, entry_points: Mapping[str, Mapping[str, str]], files: Mapping[str, str | bytes]
) -> None:
    """Write metadata and files as pip would lay them into ``site``."""
    info = site / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n\n")
    groups = (
        f"[{group}]\n" + "".join(f"{point} = {target}\n" for point, target in points.items())
        for group, points in entry_points.items()
    )
    (info / "entry_points.txt").write_text("\n".join(groups))
    for path, content in files.items():
        file = site / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
