"""An adapter to serve beside its base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """``name`` is how requests select it (``model``); ``path`` where the runtime reads it, with ``$(volume.…)``.

    It comes from an OCI ``image``, a ``volume_source`` as the user wrote it, or lies at ``path`` already.
    """

    name: str
    path: str
    strength: float | None = None
    image: str | None = None
    pull_secrets: tuple[str, ...] = ()
    volume_source: Mapping[str, Any] | None = None
