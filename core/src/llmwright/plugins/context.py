"""The resources of a driver."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


def _silent() -> logging.Logger:
    log = logging.getLogger("llmwright.driver")
    log.addHandler(logging.NullHandler())
    return log


@dataclass(frozen=True, slots=True)
class Context:
    """The resources of a driver, handed to it explicitly; nothing is global.

    ``name`` is the one under which it was asked for; ``settings`` are those under ``plugins.<kind>.<name>``;
    ``cluster`` a client of the target's cluster, None without one; ``clock`` the present time with time zone.
    """

    clock: Callable[[], datetime]
    settings: Mapping[str, Any] = field(default_factory=dict)
    cluster: Any = None
    log: logging.Logger = field(default_factory=_silent)
    name: str = ""
