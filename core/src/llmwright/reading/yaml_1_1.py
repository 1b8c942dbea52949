"""Plain YAML scalars as PyYAML reads them (YAML 1.1), for files that a Python program will read again.

There ``yes`` is true and ``1e-4`` is text. A number that JSON cannot hold stays text, as in ``yaml_scalars``; so does
a date, which no field takes.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import yaml

from llmwright.reading.yaml_scalars import LONGEST_NUMBER, Scalar

_KINDS = frozenset("tag:yaml.org,2002:" + kind for kind in ("int", "float", "bool", "null"))


def plain_scalar_1_1(text: str) -> Scalar:
    """Return the value of ``text`` without quotes."""
    loader = _loader()
    tag = loader.resolve(yaml.ScalarNode, text, (True, False))
    if tag not in _KINDS:
        return text
    if len(text) > LONGEST_NUMBER and not tag.endswith("null"):
        return text
    try:
        value: Scalar = loader.yaml_constructors[tag](loader, yaml.ScalarNode(tag, text))
    except (ValueError, OverflowError):
        return text
    return text if isinstance(value, float) and not math.isfinite(value) else value


@cache
def _loader() -> Any:
    return yaml.SafeLoader("")
