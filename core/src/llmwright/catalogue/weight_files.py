"""The weight files of a model or an adapter: safetensors only. A pickle (``.bin``, ``.pt``) can run code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePosixPath

from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable, is_file
from llmwright.reading.json_reader import read_json, read_json_file

SAFE = ".safetensors"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
OTHER_WEIGHTS = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".h5", ".msgpack", ".onnx", ".gguf"})
_HEADER_LIMIT = 100 * 1024**2
_INDEX_LIMIT = 100 * 1024**2
ADAPTER_CONFIG = "adapter_config.json"
_MODEL = "model.safetensors"
_INDEX = "model.safetensors.index.json"
_SHARD = re.compile(r"model-\d+-of-\d+\.safetensors")
_PICKLES = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt"})
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
    hint = "write it with save_pretrained, or download the model's safetensors"
    if PurePosixPath(others[0]).suffix.lower() in _PICKLES:
        hint = "a pickle can run code when it is loaded; load it where that is safe, and write it with save_pretrained"
    return ConfigError(
        f"{what} holds {_first(others)} and no {missing}: only safetensors are loaded",
        hint=hint,
        reason="UnsafeWeights",
    )


def loaded_names(names: Iterable[str]) -> tuple[str, ...]:
    """Return those names of a repository that are of weights which a loader reads, in order.

    Beside them many a repository has the same weights once more (``consolidated.safetensors``, ``original/``). Where
    no file has a name that loaders look for, all safetensors count.
    """
    safe = sorted(name for name in names if name.endswith(SAFE))
    if _MODEL in safe:
        return (_MODEL,)
    return tuple(name for name in safe if _SHARD.fullmatch(name)) or tuple(safe)


def model_weights(directory: Path, what: str) -> tuple[Path, ...]:
    """Return the files in a model's directory that a loader reads: ``model.safetensors``, else those in the index.

    Raises:
        ConfigError: no safetensors, a file of the index that is elsewhere or not there, an adapter beside them.
    """
    names = sorted(path.name for path in directory.iterdir())
    if not any(name.endswith(SAFE) for name in names):
        raise no_safetensors(what, names)
    if ADAPTER_CONFIG in names:
        # transformers loads the base that this file names, and the adapter into it, instead of what lies here.
        raise ConfigError(
            f"{what} holds {ADAPTER_CONFIG} beside a model: the adapter's own base would be loaded in its place",
            hint="move the adapter's files into a directory of their own, and name that in inference.adapters",
        )
    shards = _indexed(directory, what) if _INDEX in names else ()
    if _MODEL in names:
        shards = (_MODEL,)
    elif shards == ():
        shown = _first([name for name in names if name.endswith(SAFE)])
        raise ConfigError(
            f"{what} holds {shown}, and neither {_MODEL} nor {_INDEX}, by which weights are found",
            hint="download it again, or write it with save_pretrained",
        )
    _refuse_missing(directory, shards or (), what)
    return tuple(directory / name for name in shards) if shards else tuple(sorted(directory.glob(f"*{SAFE}")))


def _indexed(directory: Path, what: str) -> tuple[str, ...] | None:
    """Return the files in the index, None where it is damaged: the loader's own error says more."""
    try:
        shards = list(read_json_file(directory / _INDEX, _INDEX_LIMIT)["weight_map"].values())
    except (OSError, Unreadable, LookupError, TypeError, AttributeError):
        return None
    wrong = [shard for shard in shards if not _is_safe(shard)]
    if wrong:
        raise ConfigError(
            f"{what}: {_INDEX} names {str(wrong[0])[:100]!r}, and only safetensors in the same directory are loaded",
            reason="UnsafeWeights",
        )
    return tuple(dict.fromkeys(shards))


def _refuse_missing(directory: Path, names: Sequence[str], what: str) -> None:
    missing = [name for name in names if not is_file(directory / name)]
    if not missing:
        return
    link = (directory / missing[0]).is_symlink()
    why = "is a link to a file that is not there" if link else "is not there"
    more = f" (and {len(missing) - 1} more)" if len(missing) > 1 else ""
    raise ConfigError(f"{what}: its file {missing[0]}{more} {why}", hint="download it again")


def _first(names: Sequence[str]) -> str:
    return names[0] + (f" and {len(names) - 1} more" if len(names) > 1 else "")


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
