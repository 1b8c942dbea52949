"""The state of a layer without attention, or beside it: what a sequence keeps whatever its length."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def state_numbers(config: Mapping[str, Any], hidden: int) -> int:
    """Return the numbers of one layer's state: the last inputs of its convolution, and what it has summed up.

    0 where the config has no sizes of a state that is known here.
    """
    read = _Reader(config)
    if read.size("conv_L_cache"):
        return read.size("conv_L_cache") * hidden
    if read.size("linear_num_value_heads"):
        return _delta_net(read)
    if config.get("model_type") == "rwkv":
        return 2 * hidden + 3 * (read.size("attention_hidden_size") or hidden)
    if config.get("model_type") == "recurrent_gemma":
        width = read.size("lru_width") or hidden
        return width * (read.size("conv1d_width") or 4)
    return _mamba(read, hidden)


class _Reader:
    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def size(self, *names: str) -> int:
        """Return the first of ``names`` that is a whole number above 0, else 0."""
        values = (self._values.get(name) for name in names)
        return next((value for value in values if isinstance(value, int) and value is not True and value > 0), 0)


def _delta_net(read: _Reader) -> int:
    """A gated delta net: one matrix per value head (arXiv 2412.06464)."""
    key, value = read.size("linear_key_head_dim"), read.size("linear_value_head_dim")
    value_heads = read.size("linear_num_value_heads")
    inputs = 2 * key * read.size("linear_num_key_heads") + value * value_heads
    return inputs * (read.size("linear_conv_kernel_dim") or 4) + value_heads * key * value


def _mamba(read: _Reader, hidden: int) -> int:
    """Mamba (arXiv 2312.00752), and Mamba 2 (arXiv 2405.21060), whose convolution reads the groups' inputs too."""
    state = read.size("ssm_state_size", "mamba_d_state", "state_size")
    groups = read.size("mamba_n_groups", "mamba_ngroups", "n_groups")
    inner = read.size("mamba_d_ssm") or (read.size("mamba_expand", "expand") or 2) * hidden
    if read.size("mamba_num_heads"):
        inner = read.size("mamba_num_heads") * read.size("mamba_head_dim")
    kernel = read.size("mamba_d_conv", "conv_kernel") or 4
    return (inner + 2 * groups * state) * kernel + inner * state if state else 0
