"""The progress of a model's download, read from the sizes of its files: the same for every way that a library takes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread

from llmwright.artifacts.download import Progress
from llmwright.artifacts.snapshot_note import SnapshotNote

_EVERY_SECONDS = 0.3


@contextmanager
def reported(note: SnapshotNote, progress: Progress | None) -> Iterator[None]:
    """Report the bytes that are there, several times a second, and all of them at the end."""
    if progress is None:
        yield
        return
    total, ended = sum(file.size for file in note.files), Event()

    def watch() -> None:
        while not ended.wait(_EVERY_SECONDS):
            progress(min(note.present_bytes(), total), total)

    thread = Thread(target=watch, daemon=True)
    progress(min(note.present_bytes(), total), total)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
    progress(total, total)
