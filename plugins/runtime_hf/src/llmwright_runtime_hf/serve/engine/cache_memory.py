"""How many tokens the cache may hold: of the memory that is free once the model is loaded."""

from __future__ import annotations

import psutil
import torch

from llmwright.provisioners.machine import measure
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_SHARE = 0.5
"""Of the free memory. The rest is for the sums of a pass, and for copies of the cache while rows join."""


def cache_tokens(loaded: LoadedModel, bytes_per_token: int) -> int:
    """Return the tokens that all rows together may have; never less than one context."""
    if not bytes_per_token:
        return 2**31
    device = loaded.model.device
    free = torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _free_on_host()
    return max(int(free * _SHARE) // bytes_per_token, loaded.context)


def _free_on_host() -> int:
    """Return the free memory in bytes, within the limit of this process's control group."""
    left = measure().memory_bytes - psutil.Process().memory_info().rss
    return max(min(left, psutil.virtual_memory().available), 0)
