"""Exceptions of the machine become one clear error each; a bug does not."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from llmwright.errors import ConfigError, TargetError
from llmwright_tuning_qlora.train.exception_mapping import map_exception


def test_a_full_disk_is_told_apart() -> None:
    with pytest.raises(OSError, match="No space left") as caught, Path("/dev/full").open("w") as stream:
        stream.write("x" * 100_000)
    assert caught.value.errno == errno.ENOSPC
    known = map_exception(caught.value, "/data/out")
    assert isinstance(known, ConfigError)
    assert (known.reason, known.exit_code) == ("NoDiskSpace", 2)
    assert "/data/out" in known.message
    wrapped = RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)")
    error = map_exception(wrapped, "/data/out")
    assert error is not None
    assert error.reason == "NoDiskSpace"


def test_memory_that_does_not_suffice_is_told() -> None:
    error = map_exception(RuntimeError("CUDA out of memory. Tried to allocate 2 GiB"), "out")
    assert isinstance(error, TargetError)
    assert (error.reason, error.exit_code) == ("OutOfMemory", 1)
    assert map_exception(ZeroDivisionError("a bug"), "out") is None
