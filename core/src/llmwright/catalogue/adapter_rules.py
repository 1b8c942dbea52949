"""The rules for a LoRA adapter's files, without reading them: its name, its configuration, its tensors.

A server's process that holds nothing else of ours has them too (the engine of the runtime ``vllm``), so this module and
``adapter_fit`` import the standard library, ``values.lora_adapter`` and nothing more.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from llmwright.values.lora_adapter import LoraAdapter

FILES = ("adapter_config.json", "adapter_model.safetensors", "chat_template.jinja", "generation_config.json")
"""The files of an adapter that a server reads."""
MOST_CONFIG = 1024**2
"""Bytes of a configuration."""
MOST_HEADER = 16 * 1024**2
"""Bytes of the header of the weights."""
_NAME = re.compile(r"[A-Za-z0-9][-A-Za-z0-9._]{0,252}")
_CODE = re.compile(r"megatron_config|auto_map|\w*remote_code")
"""Fields by which code of others would run."""
_LOSSY = ("pissa", "olora", "corda", "lora_ga", "loftq")
"""Initialisations that change the base's weights (PEFT's ``update_layer``): such adapters fit that base alone."""
_REPEATS = "*+{"
_MOST_REPEATS = 5


def name_problem(name: str) -> str | None:
    """Return what is wrong with the name of an adapter, None where nothing is: it also names a directory in a pod."""
    if _NAME.fullmatch(name):
        return None
    shown = repr(name) if len(name) <= 60 else f"{name[:60]!r}..."
    return f"{shown} cannot name a directory in a pod: letters, 0-9, -, _ and . can"


def link_problem(directory: Path, roots: Iterable[Path]) -> str | None:
    """Return the fault of a file in ``directory`` that is a link to a place outside of ``roots``, real paths."""
    places = [*roots]
    for name in FILES:
        file = directory / name
        if file.is_symlink() and not any(file.resolve().is_relative_to(place) for place in places):
            return f"its {name} is a link to a place outside of the directories for adapters"
    return None


def adapter_of(config: Mapping[str, Any], shapes: Mapping[str, tuple[int, ...]]) -> LoraAdapter:
    """Return the adapter of a configuration without faults, whose tensors have ``shapes`` by their names."""
    targets = config.get("target_modules")
    return LoraAdapter(
        base=str(config.get("base_model_name_or_path") or ""),
        rank=max([*_ranks(config), *_rows(shapes)]),
        targets=tuple(targets) if isinstance(targets, list) else (),
        shapes=shapes,
    )


def shapes_of(header: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    """Return the shapes of the tensors by their names, in the header of a safetensors file.

    Raises:
        LookupError, TypeError, ValueError: a tensor has no shape.
    """
    return {
        name: tuple(int(size) for size in about["shape"]) for name, about in header.items() if name != "__metadata__"
    }


def config_faults(config: Mapping[str, Any]) -> Iterator[str]:
    """Yield why an adapter of that configuration is not served, each as a predicate of its file."""
    kind = config.get("peft_type")
    if kind != "LORA" or config.get("alora_invocation_tokens"):
        yield f"says peft_type {_shown(kind)}, which cannot be switched per request; LORA can"
    yield from _number_faults(config)
    targets = config.get("target_modules")
    if not (isinstance(targets, str) or _is_names(targets)):
        yield f"has target_modules {_shown(targets)}; a list of names is wanted"
    yield from _code_faults(config)
    yield from _base_faults(config)
    patterns = [targets, config.get("exclude_modules"), *_keys(config, "rank_pattern"), *_keys(config, "alpha_pattern")]
    slow = next((text for text in patterns if isinstance(text, str) and _is_slow(text)), None)
    if slow is not None:
        yield f"has the expression {_shown(slow)}, which may take for ever to match"


def _number_faults(config: Mapping[str, Any]) -> Iterator[str]:
    wrong = next((rank for rank in _written_ranks(config) if not _is_whole(rank) or rank < 1), None)
    if wrong is not None:
        yield f"has the rank {_shown(wrong)}; a whole number above 0 is wanted"
    for name in ("rank_pattern", "alpha_pattern"):
        if not isinstance(config.get(name) or {}, dict):
            yield f"has a {name} that is no object"
    alpha = config.get("lora_alpha", 8)
    if isinstance(alpha, bool) or not isinstance(alpha, int | float) or not math.isfinite(alpha):
        yield f"has lora_alpha {_shown(alpha)}; a number is wanted"


def _code_faults(config: Mapping[str, Any]) -> Iterator[str]:
    mapping = config.get("auto_mapping") or {}
    library = str(mapping.get("parent_library") or "") if isinstance(mapping, dict) else _shown(mapping)
    if library and not f"{library}.".startswith("transformers."):
        yield f"has an auto_mapping to code of {_shown(library)}, and code of others is not run"
    for name in (name for name, value in config.items() if value and _CODE.fullmatch(name)):
        yield f"has {name}, and code of others is not run"


def _base_faults(config: Mapping[str, Any]) -> Iterator[str]:
    if config.get("bias") not in (None, "none"):
        yield f"has bias {_shown(config['bias'])}: it would change the base for everybody"
    if config.get("layer_replication"):
        yield "has layer_replication: it would change the base for everybody"
    start = config.get("init_lora_weights")
    if isinstance(start, str) and start.lower().startswith(_LOSSY):
        yield f"has init_lora_weights {_shown(start)}: it fits a changed base alone; convert it when it is saved (PEFT)"


def _written_ranks(config: Mapping[str, Any]) -> list[Any]:
    pattern = config.get("rank_pattern")
    return [config.get("r", 8), *(pattern.values() if isinstance(pattern, dict) else ())]


def _ranks(config: Mapping[str, Any]) -> list[int]:
    return [int(rank) for rank in _written_ranks(config)]


def _rows(shapes: Mapping[str, tuple[int, ...]]) -> Iterator[int]:
    return (shape[0] for name, shape in shapes.items() if ".lora_A" in name or ".lora_embedding_A" in name if shape)


def _is_slow(pattern: str) -> bool:
    """Whether an expression may take for ever: a repeated group with a choice in it, or many repeats."""
    groups, repeats = [False], 0
    plain = re.sub(r"\\.", "_", pattern)
    for sign, following in zip(plain, f"{plain[1:]} ", strict=True):
        if sign == "(":
            groups.append(False)
        elif sign == ")" and len(groups) > 1:
            choice = groups.pop()
            if choice and following in _REPEATS:
                return True
            groups[-1] |= choice
        elif sign in f"{_REPEATS}|":
            groups[-1] = True
            repeats += sign != "|"
    return repeats > _MOST_REPEATS


def _keys(config: Mapping[str, Any], name: str) -> list[str]:
    return [*(config[name] if isinstance(config.get(name), dict) else ())]


def _is_names(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(name, str) for name in value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
