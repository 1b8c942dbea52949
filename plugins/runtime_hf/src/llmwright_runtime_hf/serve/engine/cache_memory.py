"""How many tokens the cache may hold: of the memory that is free once the model is loaded."""

from __future__ import annotations

import psutil
import torch

from llmwright.provisioners.machine import measure
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel

_SHARE = 0.5
"""Of the free memory. The rest is for the sums of a pass, and for copies of the cache while rows join."""
_PREFIX_SHARE = 0.1
_MOST_PREFIX_BYTES = 2**30


def cache_tokens(loaded: LoadedModel, bytes_per_token: int) -> int:
    """Return the tokens that all rows together may have; never less than one context."""
    if not bytes_per_token:
        return 2**31
    return max(int(_free(loaded.model.device) * _SHARE) // bytes_per_token, loaded.context)


def prefix_bytes(loaded: LoadedModel) -> int:
    """Return the bytes that the beginnings of prompts may keep."""
    return min(int(_free(loaded.model.device) * _PREFIX_SHARE), _MOST_PREFIX_BYTES)


def _free(device: torch.device) -> int:
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else _free_on_host()


def _free_on_host() -> int:
    """Return the free memory in bytes, within the limit of this process's control group."""
    left = measure().memory_bytes - psutil.Process().memory_info().rss
    return max(min(left, psutil.virtual_memory().available), 0)
