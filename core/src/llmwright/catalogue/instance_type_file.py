"""``kind: InstanceTypes``: the machines of one cloud, with prices.

A machine's fields are those of ``values.instance_type.InstanceType`` in camelCase, ``gpuMemoryBytes`` of one GPU.
``price`` has a ``source`` and, where the source gives one, a date ``asOf``: a price without a date says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from llmwright.catalogue.format_schema import document_schema, object_schema
from llmwright.catalogue.quantity import parse_bytes
from llmwright.catalogue.yaml_fields import Field, Fields, amount, count, flag, read_fields, sequence, text
from llmwright.values.instance_type import InstanceType, Price

KIND = "InstanceTypes"


def _capability(value: Any) -> tuple[int, int]:
    major, dot, minor = text(value).partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise ValueError(f'expected a compute capability such as "8.0", found {value!r}')
    return int(major), int(minor)


def _day(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else date.fromisoformat(text(value)).isoformat()


_PRICE: Fields = {
    "usd_per_hour": Field(amount, "price of the machine, USD per hour"),
    "spot_usd_per_hour": Field(amount, "price as spot capacity, USD per hour"),
    "region": Field(text, "the region of the price"),
    "as_of": Field(_day, "the day of the price, where its source gives one", {"type": "string", "format": "date"}),
    "source": Field(text, "where the price stands"),
}
_REQUIRED_OF_PRICE = frozenset({"usd_per_hour", "source"})


def _read_price(value: Any) -> dict[str, Any]:
    return read_fields(value, _PRICE, "", _REQUIRED_OF_PRICE)


_CAPABILITY = {"type": "string", "pattern": "^[0-9]+[.][0-9]+$"}
_TYPE: Fields = {
    "name": Field(text, "the cloud's name of it"),
    "gpus": Field(count, "GPUs of the machine; 0 for none"),
    "gpu_model": Field(text, "the GPU's name"),
    "gpu_memory_bytes": Field(parse_bytes, "memory of one GPU"),
    "compute_capability": Field(_capability, 'CUDA compute capability of its GPUs, as text: "8.0"', _CAPABILITY),
    "gpu_gigabytes_per_s": Field(amount, "bandwidth of one GPU's memory, 10^9 bytes per second"),
    "gpu_teraflops": Field(amount, "dense FP16 tensor performance of one GPU, 10^12 operations per second"),
    "nvlink": Field(flag, "whether NVLink connects all its GPUs"),
    "cpus": Field(count, "CPUs"),
    "memory_bytes": Field(parse_bytes, "memory of the host"),
    "nvme": Field(flag, "whether it has a local NVMe disk"),
    "price": Field(_read_price, "its list price", object_schema(_PRICE, _REQUIRED_OF_PRICE)),
    "retired": Field(flag, "whether the cloud gives it out no more"),
    "successor": Field(text, "the type to take in place of a retired one"),
    "fact_source": Field(text, "source of these figures, where it is not the file's"),
}
_REQUIRED = frozenset({"name", "gpus"})
_FILE: Fields = {
    "kind": Field(text, "InstanceTypes"),
    "cloud": Field(text, "the cloud: azure, aws"),
    "fact_source": Field(text, "source of the figures"),
    "price_sources": Field(sequence, "sources of prices, for anchors of this file to name", {"type": "array"}),
    "types": Field(sequence, "the machines", {"type": "array", "items": object_schema(_TYPE, _REQUIRED)}),
}
_REQUIRED_OF_FILE = frozenset({"kind", "cloud", "types"})


def schema() -> dict[str, Any]:
    """Return the JSON schema of a file of this kind."""
    return document_schema(KIND, _FILE, _REQUIRED_OF_FILE)


def read_types(document: Any) -> list[dict[str, Any]]:
    """Return the machines of a document as plain data for ``build_type``.

    Raises:
        FieldError: the first mistake, with its path.
    """
    head = read_fields(document, _FILE, "", _REQUIRED_OF_FILE)
    common = {"cloud": head["cloud"], "fact_source": head.get("fact_source", "").strip()}
    return [
        {**common, **read_fields(machine, _TYPE, f"types[{position}]", _REQUIRED)}
        for position, machine in enumerate(head["types"])
    ]


def build_type(fields: Mapping[str, Any]) -> InstanceType:
    """Return the instance type of ``fields``."""
    values = dict(fields)
    if values.get("compute_capability"):
        major, minor = values["compute_capability"]
        values["compute_capability"] = (major, minor)
    if values.get("price"):
        values["price"] = _price(values["price"])
    return InstanceType(**values)


def _price(fields: Mapping[str, Any]) -> Price:
    as_of = fields.get("as_of")
    return Price(**{**fields, "as_of": date.fromisoformat(as_of) if as_of else None})
