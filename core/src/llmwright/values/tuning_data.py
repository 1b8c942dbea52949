"""What a tuner reads and where its result goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class TuningData:
    """The data set lies in volume ``data``, the result is written to volume ``results``; the core fetches and delivers.

    ``config_path`` is the user's training config (``$(volume.config)/training_config.yaml``) where one was named.
    """

    urls: tuple[str, ...] = ()
    image: str | None = None
    pull_secrets: tuple[str, ...] = ()
    volume_source: Mapping[str, Any] | None = None
    output_image: str | None = None
    push_secret: str | None = None
    output_volume_source: Mapping[str, Any] | None = None
    config_path: str | None = None
