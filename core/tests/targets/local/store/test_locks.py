"""Locks on files."""

from __future__ import annotations

import shutil
from pathlib import Path

from llmwright.targets.local.store.locks import FileLock, is_locked


def test_one_holder_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    assert not is_locked(path)
    with FileLock(path):
        assert is_locked(path)
        assert not FileLock(path).acquire(wait_s=0.05)
    assert not is_locked(path)


def test_an_opened_lock_tells_of_its_holder_after_the_folder_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "lock"
    holder, waiting = FileLock(path), FileLock(path)
    assert holder.acquire()
    waiting.open()
    shutil.rmtree(path.parent)
    assert not waiting.acquire(wait_s=0.05)


def test_an_inherited_lock_is_held_from_the_start(tmp_path: Path) -> None:
    parent = FileLock(tmp_path / "lock")
    assert parent.acquire()
    child = FileLock(tmp_path / "lock", parent.handle)
    child.release()
    assert not is_locked(tmp_path / "lock")
