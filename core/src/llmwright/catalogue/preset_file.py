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

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from llmwright.catalogue.quantity import parse_bytes
from llmwright.catalogue.yaml_fields import (
    FieldError,
    Reader,
    count,
    flag,
    mapping,
    positive,
    read_fields,
    text,
    texts,
)
from llmwright.values.preset import Architecture, Preset

KIND = "PresetFamily"


def _flags(value: Any) -> dict[str, dict[str, Any]]:
    return {runtime: dict(mapping(flags)) for runtime, flags in mapping(value).items()}


def _size(value: Any) -> int:
    size = parse_bytes(value)
    if size == 0:
        raise ValueError("expected more than 0 bytes")
    return size


def _source(value: Any) -> str:
    if not text(value).startswith(("hf://", "oci://", "file:")):
        raise ValueError(f"expected hf://, oci:// or file:, found {value!r}")
    return str(value)


_ARCHITECTURE: dict[str, Reader] = {
    "names": texts,
    **dict.fromkeys(("layers", "hidden_size", "attention_heads", "kv_heads", "head_dim"), positive),
    **dict.fromkeys(("intermediate_size", "vocab_size"), count),
}
_OPTIONAL_SIZES = frozenset({"intermediate_size", "vocab_size"})


def _architecture(value: Any) -> dict[str, Any]:
    fields = read_fields(value, _ARCHITECTURE, "", frozenset(_ARCHITECTURE) - _OPTIONAL_SIZES)
    return {**dict.fromkeys(_OPTIONAL_SIZES, 0), **fields}


_MODEL: dict[str, Reader] = {
    **dict.fromkeys(
        ("name", "revision", "license", "dtype", "quantization", "chat_template", "tool_call_parser", "fact_source",
         "reasoning_parser", "questions", "retired"),
        text,
    ),
    **dict.fromkeys(("aliases", "lora_targets", "runtimes"), texts),
    **dict.fromkeys(("gated", "tunable", "distributable", "remote_code"), flag),
    **dict.fromkeys(("parameters", "context"), positive),
    "source": _source,
    "weight_bytes": _size,
    "disk_bytes": parse_bytes,
    "kv_bytes_per_token": parse_bytes,
    "architecture": _architecture,
    "flags": _flags,
    "tuning": lambda value: dict(mapping(value)),
}  # fmt: skip
_REQUIRED = frozenset({"name", "source", "parameters", "weight_bytes", "context", "kv_bytes_per_token"})
_FAMILY: dict[str, Reader] = {"kind": text, "family": text, "fact_source": text, "models": list}


def read_family(document: Any) -> list[dict[str, Any]]:
    """Return the models of a document as plain data for ``build_preset``.

    Raises:
        FieldError: the first mistake, with its path.
    """
    family = read_fields(document, _FAMILY, "", frozenset({"kind", "family", "models"}))
    common = {"family": family["family"], "fact_source": family.get("fact_source", "").strip()}
    return [
        {**common, **read_fields(model, _MODEL, f"models[{position}]", _REQUIRED)}
        for position, model in enumerate(family["models"])
    ]


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
