"""Naming a Launch by its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Literal

from modelwright.lifecycle.observed import Workload
from modelwright.values.launch import Launch

Currency = Literal["absent", "current", "superseded", "outdated"]


def digest(launch: Launch) -> str:
    """64 hex digits of the content; the same before and after a round trip through JSON."""
    text = json.dumps(_plain(launch), sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def currency(workload: Workload, launch: Launch, inputs: str) -> Currency:
    """How what was found relates to what is planned.

    ``outdated`` is the user's own change and is carried out. ``superseded`` is a plan that differs although the user
    changed nothing (a new version, another price table): what runs is left alone.
    """
    if workload.phase == "absent":
        return "absent"
    if workload.digest == digest(launch):
        return "current"
    return "superseded" if workload.inputs == inputs else "outdated"


def _plain(value: Any) -> Any:
    if is_dataclass(value) and not isinstance(value, type):
        return {item.name: _plain(getattr(value, item.name)) for item in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
