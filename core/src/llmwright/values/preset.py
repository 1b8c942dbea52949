"""Preset: the facts about a model, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """Sizes of the network from its ``config.json``. KV cache and LoRA state are computed from them."""

    names: tuple[str, ...]
    layers: int
    hidden_size: int
    intermediate_size: int
    attention_heads: int
    kv_heads: int
    head_dim: int
    vocab_size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """One model that can be served, and tuned where ``tunable``.

    ``source`` is a URI: ``hf://org/name``, ``oci://registry/repository:tag`` or ``file:///directory``. ``revision``
    pins it (a commit for ``hf``). ``weight_bytes`` is the size on disk, ``parameters`` the count of weights,
    ``context`` the longest sequence in tokens, ``kv_bytes_per_token`` the KV cache of one token over all layers, in
    numbers of the dtype's width and at most 2 bytes; ``kv_windowed_bytes_per_token`` of it are kept for the last
    ``kv_window`` tokens only, and
    ``state_bytes`` per sequence besides, whatever its length. ``runtimes`` are those that are known to serve it by the
    name that they declare (``listed_as``); empty where nobody knows. ``remote_code`` says that it cannot be loaded
    without Python code from its repository; the preset that a driver gets has it only where the settings allow that
    code (``sources.remoteCode``). ``flags`` maps a runtime's name to flags that this model needs there,
    ``runtime_config`` to options of ``inference.runtimeConfig`` that hold where the Workspace does not write them.
    ``retired`` says in a sentence who gave the name up, empty where nobody did; it still serves those who wrote it.
    ``origin`` names the distribution or file that brought the preset; ``fact_source`` the source of its figures;
    ``assumptions`` are sentences about figures that it leaves open.
    """

    name: str
    aliases: tuple[str, ...] = ()
    family: str = ""
    source: str
    revision: str = "main"
    license: str = ""
    gated: bool = False
    parameters: int
    weight_bytes: int
    dtype: str = "bfloat16"
    quantization: str | None = None
    context: int
    kv_bytes_per_token: int
    kv_windowed_bytes_per_token: int = 0
    kv_window: int = 0
    state_bytes: int = 0
    architecture: Architecture | None = None
    chat_template: str | None = None
    tool_call_parser: str | None = None
    reasoning_parser: str | None = None
    lora_targets: tuple[str, ...] = ()
    runtimes: tuple[str, ...] = ()
    tunable: bool = False
    distributable: bool = False
    disk_bytes: int = 0
    remote_code: bool = False
    flags: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    runtime_config: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    tuning: Mapping[str, Any] = field(default_factory=dict)
    questions: str | None = None
    retired: str = ""
    origin: str = ""
    fact_source: str = ""
    assumptions: tuple[str, ...] = ()

    @property
    def pinned(self) -> bool:
        """Whether a commit is named, so that weights of the hub are the same tomorrow. Others count as pinned."""
        return not self.source.startswith("hf://") or re.fullmatch(r"[0-9a-f]{40}", self.revision) is not None
