"""A LoRA adapter's directory in PEFT's layout: what its files say, read within bounds and without its weights.

An adapter may come from anybody. What PEFT would do more with it than add two matrices to a layer is refused: to
import a module that a file names, or to change weights of the base, which other requests use.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from llmwright.catalogue.adapter_rules import (
    MOST_CONFIG,
    MOST_HEADER,
    adapter_of,
    config_faults,
    link_problem,
    shapes_of,
)
from llmwright.catalogue.weight_files import ADAPTER_CONFIG, ADAPTER_WEIGHTS, check_adapter_weights, check_safetensors
from llmwright.errors import ConfigError
from llmwright.reading.files import Unreadable
from llmwright.reading.json_reader import read_json, read_json_file
from llmwright.values.lora_adapter import LoraAdapter


def read_adapter(directory: Path, what: str) -> LoraAdapter:
    """Return the adapter in ``directory``; ``what`` begins the messages of errors.

    Raises:
        ConfigError: a file is missing, damaged or too large, the weights are no safetensors, it is no LoRA adapter, or
            it asks for more than its two matrices per layer.
    """
    config = _config(directory / ADAPTER_CONFIG, what)
    fault = next(config_faults(config), None)
    if fault:
        raise _unusable(f"{what}: its {ADAPTER_CONFIG} {fault}")
    check_adapter_weights(directory, what)
    return adapter_of(config, _shapes(directory / ADAPTER_WEIGHTS, what))


def refuse_links(directory: Path, roots: Iterable[Path], what: str) -> None:
    """Raise ConfigError for a file of the adapter that is a link to a place outside of ``roots``, real paths."""
    problem = link_problem(directory, roots)
    if problem is not None:
        raise _unusable(f"{what}: {problem}")


def _config(file: Path, what: str) -> dict[str, Any]:
    try:
        config = read_json_file(file, MOST_CONFIG)
    except FileNotFoundError:
        raise _unusable(f"{what} has no {file.name}") from None
    except Unreadable as error:
        raise _unusable(f"{what}: its {file.name} {error}") from error
    if not isinstance(config, dict):
        raise _unusable(f"{what}: its {file.name} holds no JSON object")
    return config


def _shapes(file: Path, what: str) -> dict[str, tuple[int, ...]]:
    """Return the shapes in the header of a safetensors file, which is whole."""
    check_safetensors(file)
    with file.open("rb") as content:
        length = int.from_bytes(content.read(8), "little")
        if length > MOST_HEADER:
            raise _unusable(f"{what}: the header of its {file.name} is larger than {MOST_HEADER:,} bytes")
        header = read_json(content.read(length), MOST_HEADER)
    try:
        return shapes_of(header)
    except (LookupError, TypeError, ValueError):
        raise _unusable(f"{what}: the header of its {file.name} has a tensor without a shape") from None


def _unusable(message: str) -> ConfigError:
    return ConfigError(
        message, hint="it must be what PEFT's save_pretrained writes for a LoRA adapter", reason="AdapterUnusable"
    )
