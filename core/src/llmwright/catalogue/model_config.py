"""A Preset from a model's ``config.json`` and the sizes of its weight files. Reads no files itself."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from llmwright.catalogue.model_types import is_native
from llmwright.errors import ConfigError
from llmwright.values.preset import Architecture, Preset

LARGEST = 2**53
"""No size of a model reaches it, and every number below it is exact as a float too."""

UNSTATED_CONTEXT = 2048
"""The sequence length of the training of BLOOM (arXiv 2211.05100), Falcon (2311.16867) and Mamba (2312.00752)."""

_STATE_ONLY = frozenset({"mamba", "mamba2", "falcon_mamba", "rwkv"})
"""Model types without attention: a state of one size takes the place of the KV cache."""

_UNBOUNDED = _STATE_ONLY | {"bloom", "falcon", "mpt", "recurrent_gemma", "xlnet"}
"""Model types without a table of positions, whose config need not give a context."""

_CONTEXT = (
    "max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx",
    "context_length",
)  # fmt: skip

BYTES_PER_WEIGHT = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The facts about a model: config, weight bytes and, where known, number of weights, licence and commit."""

    source: str
    config: Mapping[str, Any]
    weight_bytes: int
    parameters: int | None = None
    revision: str = "main"
    license: str = ""
    gated: bool = False
    found_in: str = ""


@dataclass(frozen=True, slots=True)
class _Known:
    """The architectures that one runtime is known to serve, as names and as patterns; ``spreads`` over machines."""

    runtime: str
    spreads: bool
    names: frozenset[str]
    patterns: tuple[str, ...]

    def serves(self, architectures: Iterable[str]) -> bool:
        return any(
            name in self.names or any(fnmatchcase(name, pattern) for pattern in self.patterns) for name in architectures
        )


@cache
def _known_architectures() -> tuple[_Known, ...]:
    text = files("llmwright.catalogue").joinpath("architectures.toml").read_text(encoding="utf-8")
    return tuple(
        _Known(
            runtime=entry["name"],
            spreads=entry["spreads"],
            names=frozenset(entry.get("architectures", ())),
            patterns=tuple(entry.get("patterns", ())),
        )
        for entry in tomllib.loads(text)["runtime"]
    )


def _needs_code(config: Mapping[str, Any]) -> bool:
    """Whether the model brings its own code, and transformers has none for it."""
    return bool(config.get("auto_map")) and not is_native(str(config.get("model_type")))


def preset_of(name: str, described: Description, *, written: str = "") -> Preset:
    """Return the preset of a model that no pack has, with the name ``name`` and the alias ``written``.

    Raises:
        ConfigError: ``config.json`` lacks a needed figure, has an impossible value, or is of no language model.
    """
    config = _text_config(described.config)
    reader = _Reader(config, described.source)
    names = _architectures(described)
    serving = [known for known in _known_architectures() if known.serves(names)]
    architecture = reader.architecture(names)
    dtype = str(config.get("dtype") or config.get("torch_dtype") or "bfloat16").removeprefix("torch.")
    width = BYTES_PER_WEIGHT.get(dtype, 2)
    quantization = _quantization(described)
    assumptions = reader.assumptions()
    return Preset(
        name=name,
        aliases=(written,) if written else (),
        source=described.source,
        revision=described.revision,
        license=described.license,
        gated=described.gated,
        parameters=described.parameters or described.weight_bytes // width,
        weight_bytes=described.weight_bytes,
        dtype=dtype,
        quantization=quantization,
        context=reader.number(*_CONTEXT, default=UNSTATED_CONTEXT if assumptions else None),
        kv_bytes_per_token=reader.kv_elements(architecture) * min(width, 2),
        architecture=architecture,
        runtimes=tuple(known.runtime for known in serving),
        tunable=any(name.endswith(("ForCausalLM", "LMHeadModel")) for name in names),
        distributable=any(known.spreads for known in serving),
        disk_bytes=described.weight_bytes + 80 * 1024**3,
        remote_code=_needs_code(described.config),
        origin=described.found_in,
        fact_source=f"config.json and weight files of {described.source}",
        assumptions=assumptions,
    )


def _text_config(config: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the language part of a config that nests it, as models of text and images do."""
    nested: Mapping[str, Any] = next(
        (config[key] for key in ("text_config", "llm_config") if isinstance(config.get(key), Mapping)), {}
    )
    return {**config, **nested}


def _quantization(described: Description) -> str | None:
    config = described.config.get("quantization_config") or {}
    method = config.get("quant_method") if isinstance(config, Mapping) else config
    if not isinstance(config, Mapping) or not isinstance(method, str | None):
        raise ConfigError(
            f"{described.source}: config.json says quantization_config is {repr(config)[:80]}",
            hint="expected a mapping with the text quant_method",
        )
    return method or None


def _architectures(described: Description) -> tuple[str, ...]:
    names = described.config.get("architectures")
    if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
        raise ConfigError(f"{described.source}: config.json names no architectures", hint="it is no model to serve")
    return tuple(names)


@dataclass(frozen=True, slots=True)
class _Reader:
    config: Mapping[str, Any]
    source: str

    def number(self, *keys: str, default: int | None = None) -> int:
        """Return the value of the first of ``keys`` that is there: a whole number above 0."""
        for key in keys:
            value = self.config.get(key)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < LARGEST:
                raise ConfigError(
                    f"{self.source}: config.json says {key} is {repr(value)[:80]}", hint="expected a whole number"
                )
            return value
        if default is None:
            raise ConfigError(f"{self.source}: config.json lacks {keys[0]}", hint="it cannot be sized without")
        return default

    def architecture(self, names: tuple[str, ...]) -> Architecture:
        hidden = self.number("hidden_size", "n_embd", "d_model")
        keys = ("num_attention_heads", "n_head", "n_heads", "num_heads", "attention_heads")
        heads = self.number(*keys, default=1 if self._keeps_state_only() else None)
        return Architecture(
            names=names,
            layers=self.number("num_hidden_layers", "n_layer", "n_layers", "num_layers"),
            hidden_size=hidden,
            intermediate_size=self.number(
                "intermediate_size", "n_inner", "ffn_dim", "dff", "d_inner", default=4 * hidden
            ),
            attention_heads=heads,
            kv_heads=self.number("num_key_value_heads", "num_kv_heads", default=heads),
            head_dim=self.number("head_dim", "d_head", default=max(1, hidden // heads)),
            vocab_size=self.number("vocab_size"),
        )

    def kv_elements(self, sizes: Architecture) -> int:
        """Return how many numbers the KV cache holds per token, over all layers.

        With multi-head latent attention: one compressed vector and its rotary part per layer (arXiv 2405.04434,
        section 2.1). Without attention: none. Otherwise: a key and a value per KV head and layer.
        """
        if self._keeps_state_only():
            return 0
        if self.config.get("kv_lora_rank"):
            return (self.number("kv_lora_rank") + self.number("qk_rope_head_dim", default=0)) * sizes.layers
        return 2 * sizes.kv_heads * sizes.head_dim * sizes.layers

    def assumptions(self) -> tuple[str, ...]:
        """Return a sentence for each figure that the config leaves open and that is assumed."""
        attention = self.config.get("attn_config")
        alibi = self.config.get("alibi") or (isinstance(attention, Mapping) and attention.get("alibi"))
        unbounded = alibi or str(self.config.get("model_type")) in _UNBOUNDED
        if not unbounded or any(self.config.get(key) is not None for key in _CONTEXT):
            return ()
        return (f"config.json gives no context, and the model has no limit: {UNSTATED_CONTEXT:,} tokens are assumed",)

    def _keeps_state_only(self) -> bool:
        return str(self.config.get("model_type")) in _STATE_ONLY
