"""The head of a data card: which files are the train split (the datasets library, guide 'Manual configuration')."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from llmwright.errors import ConfigError, InvalidWorkspace
from llmwright.reading.files import Unreadable, read_text
from llmwright.reading.yaml_reader import read
from llmwright_tuning_qlora.data_names import README

FENCE = "---"


def train_names(directory: Path, names: Sequence[str]) -> list[str] | None:
    """Return those of ``names`` that the card's ``configs`` call the train split; None where it says nothing.

    Raises:
        ConfigError: it has several configurations and none is the default, or no train split.
    """
    configs = _configs(directory / README)
    if not configs:
        return None
    chosen = [config for config in configs if config.get("default") is True or config.get("config_name") == "default"]
    if len(configs) > 1 and len(chosen) != 1:
        known = ", ".join(str(config.get("config_name")) for config in configs)
        raise _unclear(directory, f"has several configurations: {known}")
    patterns = _train_patterns((chosen or configs)[0]["data_files"])
    base = str((chosen or configs)[0].get("data_dir") or "").strip("/")
    found = [name for name in names if any(_fits(name, f"{base}/{text}" if base else text) for text in patterns)]
    if not found:
        raise _unclear(directory, "names no file of a train split that is here")
    return found


def _configs(card: Path) -> list[dict[str, Any]]:
    try:
        lines = read_text(card).splitlines()
    except (FileNotFoundError, Unreadable):
        return []
    if not lines or lines[0].strip() != FENCE:
        return []
    head = lines[1 : next((index for index, line in enumerate(lines) if index and line.strip() == FENCE), 1)]
    try:
        documents = read("\n".join(head), str(card))
    except InvalidWorkspace:
        # A card is for people: a head that cannot be read says nothing about files.
        return []
    data = documents[0].data if documents else None
    configs = data.get("configs") if isinstance(data, dict) else None
    listed = configs if isinstance(configs, list) else []
    return [item for item in listed if isinstance(item, dict) and item.get("data_files")]


def _train_patterns(files: Any) -> list[str]:
    """Return the paths of the train split; a list of paths without splits is that split."""
    if isinstance(files, str):
        return [files]
    if isinstance(files, dict):
        return _texts(files.get("train"))
    if isinstance(files, list) and all(isinstance(item, dict) for item in files):
        return [text for item in files if item.get("split") == "train" for text in _texts(item.get("path"))]
    return _texts(files)


def _texts(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [text.removeprefix("./") for text in values if isinstance(text, str)]


def _fits(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern) or fnmatchcase(name, pattern.replace("**/", ""))


def _unclear(directory: Path, fault: str) -> ConfigError:
    hint = "keep the files of one data set, or name one file"
    return ConfigError(f"the data card of {directory} {fault}", hint=hint, reason="DatasetSplits")
