"""The work that a runtime is chosen for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Target
from llmwright.values.preset import Preset


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """The work that a runtime is chosen for. None is not known, and speaks against no runtime.

    ``adapters`` is their number, ``strengths`` are the positions of those with a strength. ``api_key``: requests must
    carry a key. ``options`` are those of the runtime that the user names, as written: nobody has checked them yet.
    """

    target: Target
    preset: Preset | None = None
    machine: InstanceType | None = None
    adapters: int = 0
    strengths: tuple[int, ...] = ()
    api_key: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)
