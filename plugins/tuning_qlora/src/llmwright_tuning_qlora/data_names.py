"""Which files of a data set are read, by their names alone: before training, and in a plan.

Splits are told by names, as the datasets library does it (its guide 'Structure your repository'): a word such as
``train`` or ``test`` between separators, in a file's name or a directory's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath
from typing import Literal

Format = Literal["csv", "json", "parquet", "arrow"]
FORMATS: tuple[Format, ...] = ("csv", "json", "parquet", "arrow")
METADATA = frozenset(
    {
        "added_tokens.json",
        "config.json",
        "croissant.json",
        "dataset_dict.json",
        "dataset_info.json",
        "dataset_infos.json",
        "generation_config.json",
        "special_tokens_map.json",
        "state.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.json",
    }
)
"""Files that the datasets library and transformers write beside data."""

README = "README.md"
"""A data card, whose head may say which files are which split."""

_TRAIN = ("train", "training", "trainset")
_HELD_OUT = (
    *("validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation", "holdout", "heldout"),
    *("testset", "valset", "devset", "evalset"),
)
_CACHE = re.compile(r"cache-[0-9a-z_-]+\.arrow")
"""Results of earlier operations, which the datasets library keeps beside a data set."""
_LEFTOVER = re.compile(r"~|\.(?:bak|backup|old|orig|save|tmp|temp|swp|part|partial|crdownload|lock|md5|sha\d+)")
"""Ends of the names of files that editors, downloads and people leave beside the file that is meant."""
_COPY = re.compile(r"(?P<stem>.*\S) ?(?:\((?:copy|\d+)\)|- copy(?: \(\d+\))?)(?P<suffix>\.\w+)", re.IGNORECASE)
"""Names that file managers and browsers give to a second copy."""
_SHARD = re.compile(r"(?P<split>.+)-(?P<index>[0-9]{5})-of-(?P<total>[0-9]{5})(?:-[0-9a-f]+)?\.\w+")


def data_names(names: Iterable[str], extension: str | None = None) -> list[str]:
    """Return those of ``names``, paths below a data set's directory, that are data: in order, without metadata.

    ``extension`` (``DatasetConfig.dataset_extension``) is the format of files whose names contain none.
    """
    ordered = sorted(filter(_is_visible, names), key=lambda name: (name.count("/"), name))
    return [name for name in ordered if not _is_metadata(PurePosixPath(name).name) and format_of(name, extension)]


def splits_of_shards(names: Iterable[str]) -> list[str]:
    """Return the names of splits by names such as ``train_sft-00000-of-00003.parquet``, each once."""
    matches = (_SHARD.fullmatch(PurePosixPath(name).name) for name in names)
    return sorted({match["split"] for match in matches if match})


def mixed_shards(names: Iterable[str]) -> str:
    """Return a clause about shards of two writings of one split, ``-of-00001`` and ``-of-00002``; empty for none."""
    for split, shards in _shards(names).items():
        totals = sorted({total for _, total in shards})
        if len(totals) > 1:
            return f"has {split} twice: as {' and as '.join(f'{total} files' for total in totals)}"
    return ""


def missing_shards(names: Iterable[str]) -> list[str]:
    """Return the shards that are not among ``names`` and that the names of others tell of."""
    return [
        f"{split}-{index:05}-of-{total:05}"
        for split, shards in _shards(names).items()
        for total in {total for _, total in shards}
        for index in range(total)
        if (index, total) not in shards
    ]


def _shards(names: Iterable[str]) -> dict[str, set[tuple[int, int]]]:
    """Return (index, total) of the shards of each split, by its path."""
    shards: dict[str, set[tuple[int, int]]] = {}
    for match in filter(None, map(_SHARD.fullmatch, names)):
        shards.setdefault(match["split"], set()).add((int(match["index"]), int(match["total"])))
    return shards


def _is_visible(name: str) -> bool:
    """Whether no part of the path is hidden: editors, hubs and archives keep copies in such directories."""
    return not any(part.startswith(".") or part == "__MACOSX" for part in PurePosixPath(name).parts)


def _is_metadata(name: str) -> bool:
    return name in METADATA or _CACHE.fullmatch(name) is not None


def names_to_train_on(names: Sequence[str]) -> list[str]:
    """Return those of ``names``, the data of a directory, that training reads.

    They are all files of the train split; without one all files that name no split; else all. Copies are left aside.
    """
    names = [name for name in names if not _is_copy(name, names)] or list(names)

    def named(words: Iterable[str]) -> list[str]:
        pattern = re.compile(rf"(?:^|[-._ 0-9/])(?:{'|'.join(words)})(?:[-._ 0-9/]|$)")
        return [name for name in names if pattern.search(name.lower())]

    if len(names) == 1:
        return list(names)
    held_out = named(_HELD_OUT)
    return named(_TRAIN) or [name for name in names if name not in held_out] or list(names)


def _is_copy(name: str, names: Sequence[str]) -> bool:
    """Whether it is what an editor, a download or a person left, or a copy of a file that is in ``names`` too."""
    copy = _COPY.fullmatch(name)
    end = re.search(r"~$|\.\w+$", name)
    return bool(copy and copy["stem"] + copy["suffix"] in names) or bool(end and _LEFTOVER.fullmatch(end[0].lower()))


def format_of(path: str, extension: str | None = None) -> Format | None:
    """Return the format by a file's name: its suffix first, else the first format that the name contains."""
    lowered = PurePosixPath(path).name.lower()
    suffix = lowered.rpartition(".")[2]
    for kind in FORMATS:
        if suffix == kind or (suffix == "jsonl" and kind == "json"):
            return kind
    contained = next((kind for kind in FORMATS if kind in lowered), None)
    named = "json" if extension == "jsonl" else extension
    return contained or next((kind for kind in FORMATS if kind == named), None)
