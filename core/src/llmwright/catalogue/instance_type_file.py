"""``kind: InstanceTypes``: the machines of one cloud, with prices.

A machine's fields are those of ``values.instance_type.InstanceType`` in camelCase, ``gpuMemoryBytes`` of one GPU.
``price`` has a ``source`` and, where the source gives one, a date ``asOf``: a price without a date says so.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

from llmwright.catalogue.quantity import parse_bytes
from llmwright.catalogue.yaml_fields import Reader, amount, count, flag, read_fields, text
from llmwright.values.instance_type import InstanceType, Price

KIND = "InstanceTypes"


def _capability(value: Any) -> tuple[int, int]:
    major, dot, minor = text(value).partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise ValueError(f'expected a compute capability such as "8.0", found {value!r}')
    return int(major), int(minor)


def _day(value: Any) -> str:
    return value.isoformat() if isinstance(value, date) else date.fromisoformat(text(value)).isoformat()


_PRICE: dict[str, Reader] = {
    "usd_per_hour": amount,
    "spot_usd_per_hour": amount,
    "region": text,
    "as_of": _day,
    "source": text,
}
_TYPE: dict[str, Reader] = {
    **dict.fromkeys(("name", "gpu_model", "successor", "fact_source"), text),
    **dict.fromkeys(("gpus", "cpus"), count),
    **dict.fromkeys(("gpu_memory_bytes", "memory_bytes"), parse_bytes),
    **dict.fromkeys(("gpu_gigabytes_per_s", "gpu_teraflops"), amount),
    **dict.fromkeys(("nvme", "nvlink", "retired"), flag),
    "compute_capability": _capability,
    "price": lambda value: read_fields(value, _PRICE, "", frozenset({"usd_per_hour", "source"})),
}
_FILE: dict[str, Reader] = {"kind": text, "cloud": text, "fact_source": text, "price_sources": list, "types": list}


def read_types(document: Any) -> list[dict[str, Any]]:
    """Return the machines of a document as plain data for ``build_type``.

    Raises:
        FieldError: the first mistake, with its path.
    """
    head = read_fields(document, _FILE, "", frozenset({"kind", "cloud", "types"}))
    common = {"cloud": head["cloud"], "fact_source": head.get("fact_source", "").strip()}
    return [
        {**common, **read_fields(machine, _TYPE, f"types[{position}]", frozenset({"name", "gpus"}))}
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
