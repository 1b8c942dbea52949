"""The note beside a model of the hub, which several processes may write: replicas that share a cache."""

from __future__ import annotations

from pathlib import Path

import pytest

from llmwright.artifacts.snapshot_note import SnapshotFile, SnapshotNote


def test_two_processes_may_write_it_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = SnapshotFile("config.json", 2, "")
    first, second = (SnapshotNote.begin(tmp_path, "main", "c0ffee", [file]) for _ in range(2))
    replace = Path.replace

    def second_writes_between(source: Path, target: Path) -> Path:
        monkeypatch.setattr(Path, "replace", replace)
        second.verified(file)
        return replace(source, target)

    monkeypatch.setattr(Path, "replace", second_writes_between)
    first.verified(file)
    note = SnapshotNote.read(tmp_path, "main")
    assert note is not None
    assert note.trusted == {"config.json"}
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["llmwright-c0ffee.json"]
