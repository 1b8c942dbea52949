"""The data that a tuner reads, and the place of its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningData:
    """The tuner reads volume ``data`` and writes volume ``results``. The core fetches the data and delivers the result.

    ``config_path`` is the user's training config (``$(volume.config)/training_config.yaml``), None where none is named.
    """

    urls: tuple[str, ...] = ()
    image: str | None = None
    pull_secrets: tuple[str, ...] = ()
    volume_source: Mapping[str, Any] | None = None
    output_image: str | None = None
    push_secret: str | None = None
    output_volume_source: Mapping[str, Any] | None = None
    config_path: str | None = None
