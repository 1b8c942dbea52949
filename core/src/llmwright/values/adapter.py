"""An adapter that is served beside its base model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Requests select it by ``name`` (their field ``model``). The runtime reads it at ``path``, with ``$(volume.…)``.

    It comes from an OCI ``image``, from a ``volume_source`` as the user wrote it, or is at ``path`` already.
    ``chat_template`` is the path of the template that it was tuned with, None where that is the base's own or unknown;
    ``tokenizer_template`` says that it is the one in the files of the base's tokenizer, whatever template a preset
    names. ``generation_config`` is a directory with transformers' ``generation_config.json``, whose ``eos_token_id``
    has all tokens that end its answers; None where there is none. ``rank`` is the greatest rank of its matrices, None
    where it is unknown.
    """

    name: str
    path: str
    strength: float | None = None
    image: str | None = None
    pull_secrets: tuple[str, ...] = ()
    volume_source: Mapping[str, Any] | None = None
    chat_template: str | None = None
    tokenizer_template: bool = False
    generation_config: str | None = None
    rank: int | None = None
