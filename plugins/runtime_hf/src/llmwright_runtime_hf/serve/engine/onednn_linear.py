"""Linear layers by oneDNN, where it is faster than the library that torch takes for float32 on a CPU.

torch multiplies float32 matrices by MKL, and MKL does not use AVX-512 on processors of AMD. oneDNN is in torch too, and
does: there it is about twice as fast (docs/performance.md). Elsewhere the two may be alike, so a trial decides.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import torch
from torch import nn
from torch.nn import functional

LEAST_PRODUCTS = 3 * 2**20
"""For fewer products of two numbers the longer call, by some microseconds, takes what the library gains."""
_LARGE = 2**20
"""Weights of a layer to which that does not apply: its memory takes the time."""
_TRIAL_ROWS = 32
_TRIAL_WEIGHTS = 2**24
"""A larger layer is not tried: the start of the server would wait for it."""
_TRIALS = 5
FASTER = 1.2
"""A smaller gain may be noise."""
_ROUNDING = 1e-3
"""Of the largest sum. Half precision, which some processors take for float32 when they are asked to, is beyond it."""

_log = logging.getLogger("llmwright.serve")


class OneDnnLinear(nn.Linear):
    """A float32 ``nn.Linear`` on a CPU, for inference. It rounds sums otherwise than torch's, and as little."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the name in nn.Linear
        """Return [..., out features] for [..., in features]."""
        few = self.weight.numel() < _LARGE and input.numel() * self.out_features < LEAST_PRODUCTS
        if few or torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or not _is_plain(self.weight):
            return super().forward(input)
        return by_onednn(input, self)


def use_onednn(model: nn.Module) -> None:
    """Let oneDNN multiply in the plain float32 layers of ``model`` if it is faster in a trial of the largest."""
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear and _is_plain(layer.weight)]
    sizes = {layer.weight.numel(): layer for layer in layers if layer.weight.numel() <= _TRIAL_WEIGHTS}
    gain = _gain(sizes[max(sizes)]) if sizes else 0
    if gain < FASTER:
        return
    _log.info("oneDNN multiplies the matrices: %.1f times as fast here as torch's first choice", gain)
    for layer in layers:
        # The same object, so that hooks and tied weights stay.
        layer.__class__ = OneDnnLinear


def _is_plain(weight: torch.Tensor) -> bool:
    """Whether oneDNN can read it: a quantised weight of torchao is a class of its own, and calls itself float32 too."""
    plain = type(weight) in (nn.Parameter, torch.Tensor)
    return plain and weight.dtype == torch.float32 and weight.device.type == "cpu"


def by_onednn(rows: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """Return [..., out features]. Raises AttributeError or RuntimeError where torch has no oneDNN."""
    # What torch's own compiler calls for a layer on a CPU; no public function takes plain tensors.
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, layer.weight, layer.bias, "none", [], "")
    return product


def by_torch(rows: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """Return [..., out features]."""
    return functional.linear(rows, layer.weight, layer.bias)


def _gain(layer: nn.Linear) -> float:
    """Return how many times as fast as torch's first choice oneDNN is; 0 where it cannot do it, or gives other sums."""
    # Numbers that differ, and no random ones: those would change what a seed gives later.
    rows = torch.linspace(-1, 1, _TRIAL_ROWS * layer.in_features).reshape(_TRIAL_ROWS, layer.in_features)
    try:
        with torch.inference_mode():
            if not _agree(by_torch(rows, layer), by_onednn(rows, layer)):
                _log.warning("oneDNN gives other sums than torch here, so it is not used")
                return 0
            times = [(_seconds(by_torch, rows, layer), _seconds(by_onednn, rows, layer)) for _ in range(_TRIALS)]
    except (AttributeError, RuntimeError) as error:
        _log.debug("oneDNN does not multiply here: %s", error)
        return 0
    return min(torchs for torchs, _ in times) / min(ours for _, ours in times)


def _agree(expected: torch.Tensor, got: torch.Tensor) -> bool:
    """Whether two products differ by rounding alone: sums near 0 are held to the size of the others."""
    if expected.shape != got.shape:
        return False
    size = expected.abs().max().item()
    return torch.allclose(got, expected, rtol=_ROUNDING, atol=_ROUNDING * size, equal_nan=True)


def _seconds(way: Callable[[torch.Tensor, nn.Linear], torch.Tensor], rows: torch.Tensor, layer: nn.Linear) -> float:
    began = time.perf_counter()
    way(rows, layer)
    return time.perf_counter() - began
