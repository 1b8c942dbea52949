"""JSON files that are written whole or not at all, and refused where a newer version wrote them."""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

from llmwright.errors import TargetError
from llmwright.reading.json_reader import read_json
from llmwright.targets.local.store.private_files import MOST_BYTES, NO_SPACE, discard, read_whole

VERSION = 1


def write_record(path: Path, body: Any, *, durable: bool = True) -> None:
    """Replace ``path`` by ``body`` atomically; a ``durable`` record also survives a power cut.

    Raises:
        TargetError: ``DiskFull``, or ``StateNotWritable`` for any other refusal; the old record is untouched.
    """
    text = json.dumps({"version": VERSION, "body": body}, indent=1)
    try:
        _replace(path, text.encode(), durable)
    except OSError as error:
        raise disk_error(path, error) from error


def read_record(path: Path, remedy: str) -> Any | None:
    """Return the body last written to ``path``, None where there is no such file.

    ``remedy`` is the hint for a file that cannot be read.

    Raises:
        TargetError: ``StateTooNew`` or ``StateUnreadable``.
    """
    try:
        record = read_json(read_whole(path), MOST_BYTES)
        version = int(record["version"])
        body = record["body"]
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise TargetError(
            f"{path} cannot be read: {_cause(error)}",
            hint=remedy,
            reason="StateUnreadable",
        ) from error
    if version > VERSION:
        raise TargetError(
            f"{path} was written by a newer LLMwright (format {version}, this one reads {VERSION})",
            hint="upgrade LLMwright, or use another state directory",
            reason="StateTooNew",
        )
    return body


def disk_error(path: Path, error: OSError) -> TargetError:
    """Return the user's error for a write that the system refused."""
    if error.errno in NO_SPACE:
        return TargetError(
            f"no space left to write {path}", hint="free some space, then repeat the command", reason="DiskFull"
        )
    return TargetError(
        f"{path} cannot be written: {error.strerror or error}",
        hint="check the owner and mode of the state directory, or set another one",
        reason="StateNotWritable",
    )


def _replace(path: Path, content: bytes, durable: bool) -> None:
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            if durable:
                # Before the rename: else a power cut may leave an empty file under the record's name.
                os.fsync(file.fileno())
        _move(Path(temporary), path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        # After the rename, which the power cut may undo otherwise.
        _sync_directory(path.parent)


def _move(source: Path, path: Path) -> None:
    try:
        source.replace(path)
    except IsADirectoryError:
        discard(path)
        source.replace(path)


def _cause(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it has no {error}"
    if isinstance(error, RecursionError):
        return "it is nested too deep"
    return (error.strerror if isinstance(error, OSError) else None) or str(error).splitlines()[0]


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
