"""The base's ``generation_config.json`` for the adapter: with all tokens that end its answers."""

from __future__ import annotations

import json
from typing import Any

from llmwright.reading.json_reader import read_json


def generation_config(base: Any, end_tokens: frozenset[int]) -> str:
    """Return the JSON text of the base's generation config, whose ``eos_token_id`` has ``end_tokens`` too.

    A model that was tuned with ChatML ends its answers with ``<|im_end|>``, whatever the base's end token is. Engines
    that know the base's alone would go on.
    """
    own = getattr(base, "generation_config", None)
    values = read_json(own.to_json_string(use_diff=True)) if own is not None else {}
    listed = values.get("eos_token_id")
    known = listed if isinstance(listed, list) else [] if listed is None else [listed]
    return json.dumps({**values, "eos_token_id": list(dict.fromkeys([*known, *sorted(end_tokens)]))}, indent=2) + "\n"
