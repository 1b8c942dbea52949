"""``kind: PresetFamily``: one YAML file per family of models.

::

    kind: PresetFamily
    family: phi-3
    factSource: the source of the figures
    models:
      - name: phi-3-mini-4k-instruct
        aliases: [microsoft/Phi-3-mini-4k-instruct]
        source: hf://microsoft/Phi-3-mini-4k-instruct
        parameters: 3820000000
        weightBytes: 7.12Gi
        ...

A model's fields are those of ``values.preset.Preset`` in camelCase; amounts of bytes may carry a unit. ``file:``
sources and ``questions`` are relative to the file. Unknown sizes of ``architecture`` are left out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmwright.catalogue.format_schema import document_schema, object_schema
from llmwright.catalogue.quantity import SCHEMA, parse_bytes
from llmwright.catalogue.yaml_fields import (
    Field,
    FieldError,
    Fields,
    camel_case,
    count,
    flag,
    mapping,
    positive,
    read_fields,
    sequence,
    text,
    texts,
)
from llmwright.values.preset import Architecture, Preset

KIND = "PresetFamily"


def _by_runtime(value: Any) -> dict[str, dict[str, Any]]:
    return {runtime: dict(mapping(values)) for runtime, values in mapping(value).items()}


def _tuning(value: Any) -> dict[str, Any]:
    return dict(mapping(value))


def _size(value: Any) -> int:
    size = parse_bytes(value)
    if size == 0:
        raise ValueError("expected more than 0 bytes")
    return size


def _source(value: Any) -> str:
    if not text(value).startswith(("hf://", "oci://", "file:")):
        raise ValueError(f"expected hf://, oci:// or file:, found {value!r}")
    return str(value)


_ARCHITECTURE: Fields = {
    "names": Field(texts, "the classes in config.json's architectures"),
    "layers": Field(positive, "layers"),
    "hidden_size": Field(positive, "width of the residual stream"),
    "attention_heads": Field(positive, "heads of queries"),
    "kv_heads": Field(positive, "heads of keys and values"),
    "head_dim": Field(positive, "width of one head"),
    "intermediate_size": Field(count, "inner width of the MLP, of all experts that a token uses"),
    "vocab_size": Field(count, "entries of the vocabulary"),
}
_OPTIONAL_SIZES = frozenset({"intermediate_size", "vocab_size"})
_REQUIRED_SIZES = frozenset(_ARCHITECTURE) - _OPTIONAL_SIZES


def _architecture(value: Any) -> dict[str, Any]:
    fields = read_fields(value, _ARCHITECTURE, "", _REQUIRED_SIZES)
    return {**dict.fromkeys(_OPTIONAL_SIZES, 0), **fields}


_SIZE = {**SCHEMA, "not": {"const": 0}}
_BY_RUNTIME = {"type": "object", "additionalProperties": {"type": "object"}}
_SOURCE = {"type": "string", "pattern": "^(hf://|oci://|file:)"}

_MODEL: Fields = {
    "name": Field(text, "its name in a Workspace"),
    "aliases": Field(texts, "other names; upper and lower case are equal"),
    "source": Field(
        _source, "hf://ORG/NAME, oci://REGISTRY/REPOSITORY:TAG, or file:DIRECTORY beside this file", _SOURCE
    ),
    "revision": Field(text, "the commit (hf) that is loaded; without it main, whatever that is on the day"),
    "license": Field(text, "its licence, as the hub writes it"),
    "gated": Field(flag, "whether a token of somebody who accepted the licence is needed"),
    "parameters": Field(positive, "count of weights"),
    "weight_bytes": Field(_size, "size of the weights on disk", _SIZE),
    "disk_bytes": Field(parse_bytes, "disk that a node needs for it"),
    "dtype": Field(text, "number format of the weights, bfloat16 where it is left out"),
    "quantization": Field(text, "how the weights are quantised: fp8, mxfp4, awq"),
    "context": Field(positive, "longest sequence, in tokens"),
    "kv_bytes_per_token": Field(parse_bytes, "KV cache of one token over all layers, in numbers of 2 bytes"),
    "kv_windowed_bytes_per_token": Field(parse_bytes, "of it, what is kept for the last kvWindow tokens only"),
    "kv_window": Field(count, "tokens that layers with a window see"),
    "state_bytes": Field(parse_bytes, "what a sequence keeps besides, whatever its length"),
    "architecture": Field(_architecture, "sizes of the network", object_schema(_ARCHITECTURE, _REQUIRED_SIZES)),
    "chat_template": Field(text, "a Jinja template in place of the model's own"),
    "tool_call_parser": Field(text, "vLLM's parser of tool calls"),
    "reasoning_parser": Field(text, "vLLM's parser of reasoning"),
    "lora_targets": Field(texts, "modules that LoRA tunes"),
    "runtimes": Field(texts, "runtimes that are known to serve it; without it nobody knows"),
    "tunable": Field(flag, "whether it can be tuned"),
    "distributable": Field(flag, "whether it may be split over several nodes"),
    "remote_code": Field(flag, "whether it needs Python code of its repository, which sources.remoteCode must allow"),
    "flags": Field(_by_runtime, "flags that it needs, by runtime", _BY_RUNTIME),
    "runtime_config": Field(
        _by_runtime, "options of runtimeConfig, by runtime, where the Workspace does not write them", _BY_RUNTIME
    ),
    "tuning": Field(_tuning, "defaults for tuners", {"type": "object"}),
    "questions": Field(text, "a file of questions (JSON lines or Parquet), that llmwright run asks"),
    "retired": Field(text, "who gave the name up; it still serves those who wrote it"),
    "fact_source": Field(text, "source of these figures, where it is not the family's"),
}
_REQUIRED = frozenset({"name", "source", "parameters", "weight_bytes", "context", "kv_bytes_per_token"})
_MODELS = {"type": "array", "items": object_schema(_MODEL, _REQUIRED)}
_FAMILY: Fields = {
    "kind": Field(text, "PresetFamily"),
    "family": Field(text, "the family's name"),
    "fact_source": Field(text, "source of the figures"),
    "models": Field(sequence, "the models", _MODELS),
}
_REQUIRED_OF_FAMILY = frozenset({"kind", "family", "models"})


def schema() -> dict[str, Any]:
    """Return the JSON schema of a file of this kind."""
    return document_schema(KIND, _FAMILY, _REQUIRED_OF_FAMILY)


def read_family(document: Any) -> list[dict[str, Any]]:
    """Return the models of a document as plain data for ``build_preset``.

    Raises:
        FieldError: the first mistake, with its path.
    """
    family = read_fields(document, _FAMILY, "", _REQUIRED_OF_FAMILY)
    common = {"family": family["family"], "fact_source": family.get("fact_source", "").strip()}
    return [
        {**common, **read_fields(model, _MODEL, f"models[{position}]", _REQUIRED)}
        for position, model in enumerate(family["models"])
    ]


def as_family(preset: Preset) -> dict[str, Any]:
    """Return the document of a pack with this preset alone; ``read_family`` gives back its facts.

    What a pack need not say is left out, and its ``assumptions``, for which a pack has no key.
    """
    facts = {
        field.name: getattr(preset, field.name)
        for field in dataclasses.fields(preset)
        if field.name in _MODEL and field.name != "fact_source"
    }
    # In a pack it would be a second name for the same text.
    facts["aliases"] = tuple(alias for alias in preset.aliases if alias != preset.source)
    model = {name: value for name, value in facts.items() if name in _SAID or value != _default(name)}
    if preset.architecture is not None:
        sizes = dataclasses.asdict(preset.architecture)
        model["architecture"] = {name: value for name, value in sizes.items() if value or name in _REQUIRED_SIZES}
    family = {"kind": KIND, "family": preset.family or preset.name, "fact_source": preset.fact_source}
    return {**_written({name: value for name, value in family.items() if value}), "models": [_written(model)]}


_SAID = _REQUIRED | {"dtype"}


def _default(name: str) -> Any:
    (field,) = (field for field in dataclasses.fields(Preset) if field.name == name)
    return field.default_factory() if field.default_factory is not dataclasses.MISSING else field.default


def _written(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields by their names in a file; the keys inside a mapping are the user's own."""
    known = {"architecture": _written}
    return {camel_case(name): known.get(name, _plain)(value) for name, value in fields.items()}


def _plain(value: Any) -> Any:
    return [*value] if isinstance(value, tuple) else value


def build_preset(fields: Mapping[str, Any], *, directory: Path | None, origin: str) -> Preset:
    """Return the preset of ``fields``. Relative paths start from the file's ``directory``."""
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in fields.items()}
    if values.get("architecture"):
        sizes = dict(values["architecture"])
        values["architecture"] = Architecture(**{**sizes, "names": tuple(sizes["names"])})
    values["source"] = _resolve_source(values["source"], directory)
    if values.get("questions"):
        values["questions"] = str(_resolve(values["questions"], directory))
    return Preset(**values, origin=origin)


def _resolve_source(source: str, directory: Path | None) -> str:
    if not source.startswith("file:") or source.startswith("file:///"):
        return source
    return _resolve(source.removeprefix("file://").removeprefix("file:"), directory).as_uri()


def _resolve(relative: str, directory: Path | None) -> Path:
    if directory is None:
        raise FieldError("source", f"{relative!r} is relative, and its file lies in no directory")
    return (directory / relative).resolve()
