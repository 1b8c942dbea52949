"""The weight files of a model or an adapter: safetensors only. A pickle (``.bin``, ``.pt``) can run code."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json, read_json_file

SAFE = ".safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
OTHER_WEIGHTS = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf"})
_HEADER_LIMIT = 100 * 1024**2
_INDEX_LIMIT = 100 * 1024**2
_INDEX = "model.safetensors.index.json"
_NO_WEIGHTS = frozenset({"training_args.bin", "optimizer.bin", "optimizer.pt", "scheduler.pt", "rng_state.pth"})


def other_weights(names: Iterable[str]) -> tuple[str, ...]:
    """Return those names that are of weights in another format, in order."""
    files = {PurePosixPath(name).name for name in names}
    return tuple(sorted(name for name in files - _NO_WEIGHTS if PurePosixPath(name).suffix.lower() in OTHER_WEIGHTS))


def no_safetensors(what: str, names: Iterable[str], missing: str = "safetensors weights") -> ConfigError:
    """Return the error for a directory or repository without safetensors; it names the weights that are there."""
    others = other_weights(names)
    if not others:
        return ConfigError(f"{what} holds no {missing}", hint="it must hold what save_pretrained writes")
    more = f" and {len(others) - 1} more" if len(others) > 1 else ""
    return ConfigError(
        f"{what} holds {others[0]}{more} and no {missing}: only safetensors are loaded",
        hint="a pickle can run code when it is loaded; load it where that is safe, and write it with save_pretrained",
        reason="UnsafeWeights",
    )


def check_model_weights(directory: Path, what: str) -> None:
    """Raise ConfigError where a model's directory has no safetensors, or an index that leads elsewhere."""
    names = [path.name for path in directory.iterdir()]
    if not any(name.endswith(SAFE) for name in names):
        raise no_safetensors(what, names)
    if _INDEX not in names:
        return
    try:
        shards = read_json_file(directory / _INDEX, _INDEX_LIMIT)["weight_map"].values()
    except (OSError, Unreadable, LookupError, TypeError, AttributeError):
        return  # the loader's own error says more
    wrong = [shard for shard in shards if not _is_safe(shard)]
    if wrong:
        raise ConfigError(
            f"{what}: {_INDEX} names {str(wrong[0])[:100]!r}, and only safetensors in the same directory are loaded",
            reason="UnsafeWeights",
        )


def check_adapter_weights(directory: Path, what: str) -> None:
    """Raise ConfigError where an adapter's directory has no ``adapter_model.safetensors``."""
    if not (directory / ADAPTER_WEIGHTS).is_file():
        raise no_safetensors(what, [path.name for path in directory.iterdir()], ADAPTER_WEIGHTS)


def check_safetensors(path: Path) -> None:
    """Raise ConfigError where a safetensors file is not whole: its header must name exactly the bytes that follow it.

    Only the header is read. The format: 8 bytes for the header's length, a JSON header with each tensor's offsets, and
    the tensors without gaps (https://github.com/huggingface/safetensors#format).
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            header = read_json(file.read(min(length, _HEADER_LIMIT)), _HEADER_LIMIT)
        ends = [int(about["data_offsets"][1]) for name, about in header.items() if name != "__metadata__"]
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise _torn(path, "its header cannot be read") from error
    expected = 8 + length + max(ends, default=0)
    if not ends:
        raise _torn(path, "it holds no tensor")
    if size != expected:
        raise _torn(path, f"it has {size} bytes, and its header names {expected}")


def _torn(path: Path, why: str) -> ConfigError:
    return ConfigError(
        f"{path} is no whole safetensors file: {why}",
        hint="the program that wrote it ended too early, or its disk was full; tune again",
        reason="AdapterIncomplete",
    )


def _is_safe(shard: object) -> bool:
    return isinstance(shard, str) and shard.endswith(SAFE) and "/" not in shard and "\\" not in shard
