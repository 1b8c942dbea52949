"""Which distribution to install for a driver's name that is not installed.

The names stand in ``known.toml`` and not in code: a distribution that is not installed cannot declare anything, and to
guess its name from the driver's would tell people to install what a stranger uploaded under a misspelt name.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

WORKLOAD_EXTRAS: Mapping[str, str] = MappingProxyType({"runtime": "serve", "tuner": "train"})
"""The extra that holds a driver's workload half, by kind."""

_CORE = "llmwright"


def requirement(kind: str, name: str) -> str | None:
    """Return the requirement to install for that driver; None for a name that is not known."""
    return _known().get(kind, {}).get(name)


def known_names(kind: str) -> tuple[str, ...]:
    """Return the known names of one kind, installed or not."""
    return tuple(_known().get(kind, {}))


def requirements_of(kind: str) -> tuple[str, ...]:
    """Return the requirements that bring drivers of one kind, each once, without the core itself."""
    return tuple(dict.fromkeys(text for text in _known().get(kind, {}).values() if text != _CORE))


@cache
def distributions() -> frozenset[str]:
    """Return the distributions of this project, those that bring drivers and the core."""
    return frozenset(text.partition("[")[0] for by_name in _known().values() for text in by_name.values())


@cache
def _known() -> Mapping[str, Mapping[str, str]]:
    text = files("llmwright.plugins").joinpath("known.toml").read_text(encoding="utf-8")
    return MappingProxyType(tomllib.loads(text))
