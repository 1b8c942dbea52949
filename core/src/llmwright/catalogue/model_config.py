"""A Preset from a model's ``config.json`` and the sizes of its weight files. Reads no files itself."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from llmwright.catalogue.cache_size import cache_size
from llmwright.catalogue.layer_kinds import STATE_ONLY, written_layers
from llmwright.catalogue.model_types import is_native
from llmwright.errors import ConfigError
from llmwright.values.preset import Architecture, Preset

LARGEST = 2**53
"""No size of a model reaches it, and every number below it is exact as a float too."""

MOST_LAYERS = 10_000
"""The deepest language models that are published have fewer than 200. The kind of each layer is kept in a list."""

UNSTATED_CONTEXT = 2048
"""The sequence length of the training of BLOOM (arXiv 2211.05100), Falcon (2311.16867) and Mamba (2312.00752)."""

_UNBOUNDED = STATE_ONLY | {"bloom", "falcon", "mpt", "recurrent_gemma"}
"""Model types without a table of positions, whose config need not give a context."""

_CONTEXT = (
    "max_position_embeddings", "n_positions", "max_seq_len", "max_sequence_length", "seq_length", "n_ctx",
    "context_length",
)  # fmt: skip
_LAYERS = ("num_hidden_layers", "n_layer", "n_layers", "num_layers")

BYTES_PER_WEIGHT = {"float32": 4, "bfloat16": 2, "float16": 2, "float8_e4m3fn": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The facts about a model: config, weight bytes and, where known, number of weights, licence and commit.

    ``gaps`` are sentences about what it lacks, for a plan.
    """

    source: str
    config: Mapping[str, Any]
    weight_bytes: int
    parameters: int | None = None
    revision: str = "main"
    license: str = ""
    gated: bool = False
    found_in: str = ""
    gaps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Known:
    """The architectures that one runtime is known to serve, as names and as patterns but for ``exceptions``.

    ``spreads`` over machines.
    """

    runtime: str
    spreads: bool
    names: frozenset[str]
    patterns: tuple[str, ...]
    exceptions: frozenset[str]

    def serves(self, architectures: Iterable[str]) -> bool:
        return any(
            name in self.names or any(fnmatchcase(name, pattern) for pattern in self.patterns)
            for name in architectures
            if name not in self.exceptions
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
            exceptions=frozenset(entry.get("except", ())),
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
    _refuse_other_models(described, names, known=bool(serving))
    architecture = reader.architecture(names)
    cache = cache_size(config, architecture)
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
        kv_bytes_per_token=cache.per_token * min(width, 2),
        kv_windowed_bytes_per_token=cache.windowed * min(width, 2),
        kv_window=cache.window,
        state_bytes=cache.state_bytes,
        architecture=architecture,
        runtimes=tuple(known.runtime for known in serving),
        tunable=any(name.endswith(("ForCausalLM", "LMHeadModel", "ForConditionalGeneration")) for name in names),
        distributable=any(known.spreads for known in serving),
        disk_bytes=described.weight_bytes + 80 * 1024**3,
        remote_code=_needs_code(described.config),
        origin=described.found_in,
        fact_source=f"config.json and weight files of {described.source}",
        assumptions=(*described.gaps, *assumptions),
    )


def _refuse_other_models(described: Description, names: tuple[str, ...], *, known: bool) -> None:
    """Raise ConfigError for a model that does not continue a text; ``known``: a runtime is known to serve it."""
    config, hint = described.config, "name a model whose architecture ends in ForCausalLM or ForConditionalGeneration"
    model_type = str(config.get("model_type"))
    if config.get("is_encoder_decoder") is True:
        message = f"{described.source}: {names[0]} is an encoder and a decoder, and no causal language model"
        raise ConfigError(message, hint=hint, reason="NotSupported")
    if not known and is_native(model_type):
        message = f"{described.source}: {names[0]} ({model_type}) is no causal language model"
        raise ConfigError(message, hint=hint, reason="NotSupported")


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

    def number(self, *keys: str, default: int | None = None, limit: int = LARGEST) -> int:
        """Return the value of the first of ``keys`` that is there: a whole number above 0 and below ``limit``."""
        for key in keys:
            value = self.config.get(key)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < limit:
                raise ConfigError(
                    f"{self.source}: config.json says {key} is {repr(value)[:80]}",
                    hint=f"expected a whole number from 1 to {limit - 1:,}",
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
            layers=self.number(*_LAYERS, default=written_layers(self.config), limit=MOST_LAYERS + 1),
            hidden_size=hidden,
            intermediate_size=self.number(
                "intermediate_size", "n_inner", "ffn_dim", "dff", "d_inner", default=4 * hidden
            ),
            attention_heads=heads,
            kv_heads=1 if self._shares_keys() else self.number("num_key_value_heads", "num_kv_heads", default=heads),
            head_dim=self.number("head_dim", "attention_head_dim", "d_head", default=max(1, hidden // heads)),
            vocab_size=self.number("vocab_size"),
        )

    def assumptions(self) -> tuple[str, ...]:
        """Return a sentence for each figure that the config leaves open and that is assumed."""
        attention = self.config.get("attn_config")
        alibi = self.config.get("alibi") or (isinstance(attention, Mapping) and attention.get("alibi"))
        unbounded = alibi or str(self.config.get("model_type")) in _UNBOUNDED
        if not unbounded or any(self.config.get(key) is not None for key in _CONTEXT):
            return ()
        return (f"config.json gives no context, and the model has no limit: {UNSTATED_CONTEXT:,} tokens are assumed",)

    def _shares_keys(self) -> bool:
        """Whether all heads share one key and value. Falcon 7B says so besides the 71 KV heads of its older form."""
        return self.config.get("multi_query") is True and not self.config.get("new_decoder_architecture")

    def _keeps_state_only(self) -> bool:
        return str(self.config.get("model_type")) in STATE_ONLY
