"""JSON files that are written whole or not at all, and refused where a newer version wrote them."""

from __future__ import annotations

import errno
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from llmwright.errors import TargetError

VERSION = 1

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})


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


def read_record(path: Path) -> Any | None:
    """Return the body last written to ``path``, None where there is no such file.

    Raises:
        TargetError: ``StateTooNew`` or ``StateUnreadable``.
    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        version = int(record["version"])
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TargetError(
            f"{path} cannot be read: {error}",
            hint="`llmwright delete` removes the Workspace it belongs to",
            reason="StateUnreadable",
        ) from error
    if version > VERSION:
        raise TargetError(
            f"{path} was written by a newer LLMwright (format {version}, this one reads {VERSION})",
            hint="upgrade LLMwright, or use another state directory",
            reason="StateTooNew",
        )
    return record["body"]


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
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        # After the rename, which the power cut may undo otherwise.
        _sync_directory(path.parent)


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
