"""From any exception to the one clear error that the user sees, or to None if it is a bug."""

from __future__ import annotations

import errno
from collections.abc import Iterable, Iterator

from llmwright.errors import ConfigError, LLMwrightError, TargetError
from llmwright.plugins.installing import pip_install
from llmwright_tuning_qlora.train.tuning_options import NEEDED

DISK_FULL = ("no space left on device", "os error 28", "disk quota exceeded")
TORCH_WRITE = ("pytorchstreamwriter failed", "inline_container")
OUT_OF_MEMORY = ("out of memory", "can't allocate memory")


def map_exception(error: BaseException, output: str) -> LLMwrightError | None:
    """Return the LLMwrightError for ``error``, or None for a bug, which needs its traceback."""
    if isinstance(error, LLMwrightError):
        return error
    chain = list(_chain(error))
    texts = [str(cause).lower() for cause in chain]
    if any(_is_disk_full(cause) for cause in chain) or _any_in(texts, (*DISK_FULL, *TORCH_WRITE)):
        hint = "free some space, or name another output; the run goes on from its last checkpoint"
        return ConfigError(f"no disk space left for {output}", hint=hint, reason="NoDiskSpace")
    if isinstance(error, MemoryError) or _any_in(texts, OUT_OF_MEMORY):
        hint = "smaller per_device_train_batch_size, gradient_checkpointing: true, or method qlora"
        return TargetError("out of memory", hint=hint, reason="OutOfMemory")
    if isinstance(error, ModuleNotFoundError) and error.name:
        return ConfigError(f"{error.name} is not installed", hint=pip_install(NEEDED), reason="NotInstalled")
    if isinstance(error, PermissionError):
        return ConfigError(
            f"no right to use {error.filename or error}", hint="change its owner or mode", reason="NoPermission"
        )
    return None


def _any_in(texts: list[str], parts: Iterable[str]) -> bool:
    return any(part in text for text in texts for part in parts)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _is_disk_full(error: BaseException) -> bool:
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)
