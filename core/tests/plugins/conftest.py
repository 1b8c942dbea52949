"""Distributions that exist only as metadata on ``sys.path``, for tests within this process."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

Declare = Callable[..., Path]


@pytest.fixture
def declare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Declare:
    """Puts a distribution's metadata (and files) first on ``sys.path``; returns the folder it lies in."""

    def put(
        name: str,
        entry_points: Mapping[str, Mapping[str, str]],
        *,
        version: str = "1.0",
        folder: str = "site",
        files: Mapping[str, str] | None = None,
    ) -> Path:
        site = tmp_path / folder
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir(parents=True, exist_ok=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText: body\n")
        lines = [
            f"[{group}]\n" + "\n".join(f"{n} = {t}" for n, t in points.items())
            for group, points in entry_points.items()
        ]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")
        for path, text in (files or {}).items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        monkeypatch.syspath_prepend(site)
        return site

    return put
