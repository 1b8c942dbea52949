"""The rows that a loaded model is served with: many in one pass where it can, else one at a time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from llmwright_runtime_hf.serve.engine.batch import Batch
from llmwright_runtime_hf.serve.engine.batch_probe import Ability
from llmwright_runtime_hf.serve.engine.cache_memory import prefix_bytes
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.prefix_cache import PrefixCache
from llmwright_runtime_hf.serve.engine.rows import Rows
from llmwright_runtime_hf.serve.engine.single_row import SingleRow
from llmwright_runtime_hf.serve.serve_options import ServeOptions

_log = logging.getLogger("llmwright.serve")


def rows_of(
    loaded: LoadedModel, ability: Ability, options: ServeOptions, select: Callable[[Sequence[str]], None]
) -> Rows:
    """Return the rows. ``select`` is called with the keys of their models before each pass."""
    if not ability.rows:
        _log.warning("%s answers one request at a time", type(loaded.model).__name__)
        return SingleRow(loaded.model, select)
    prefixes = PrefixCache(_prefix_bytes(loaded, options)) if options.enable_prefix_caching else None
    return Batch(loaded.model, select, ability=ability, most=options.max_num_seqs, prefixes=prefixes)


def _prefix_bytes(loaded: LoadedModel, options: ServeOptions) -> int:
    asked = options.prefix_cache_mib
    return prefix_bytes(loaded) if asked is None else asked * 2**20
