"""The errors of this room, each with its message in one place. All are from the tree in ``llmwright.errors``."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from llmwright.errors import ConfigError, TargetError


class TransientAnswer(Exception):
    """The answer is a failure that may pass. Only this room sees it: ``wire.retry`` turns the last into an error."""

    def __init__(self, text: str, wait_seconds: float = 0.0, hint: str = "try again later") -> None:
        super().__init__(text)
        self.wait_seconds = wait_seconds
        self.hint = hint


def no_disk_space(directory: Path, needed: int | None, free: int | None) -> TargetError:
    """Return a TargetError with exit code 2: the machine is full, and the user can repair it."""
    sizes = f": {needed:,} bytes are needed, {free:,} are free" if needed is not None and free is not None else ""
    error = TargetError(
        f"no disk space under {directory}{sizes}",
        hint="free space, or use a larger disk or volume",
        reason="NoDiskSpace",
    )
    error.exit_code = 2
    return error


@contextmanager
def disk_errors(directory: Path) -> Iterator[None]:
    """Turn an OSError of the file system under ``directory`` into a clear error."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise no_disk_space(directory, None, None) from error
        raise ConfigError(
            f"cannot use {directory}: {error.strerror or error}", hint="check the path and its permissions"
        ) from error


def digest_mismatch(what: str, expected: str, actual: str) -> ConfigError:
    """Return the error for bytes with another digest than promised."""
    return ConfigError(
        f"{what} has digest {actual}, not {expected}",
        hint="the source changed, or the bytes were damaged on the way",
        reason="DigestMismatch",
    )


def too_large(what: str, limit: int) -> ConfigError:
    """Return the error for more bytes than the caller accepts."""
    return ConfigError(f"{what} is larger than the limit of {limit:,} bytes", reason="TooLarge")


def bad_image(what: str, why: str) -> ConfigError:
    """Return the error for an image, layout or layer that breaks its format or must not be unpacked."""
    return ConfigError(f"{what}: {why}", reason="BadImage")
