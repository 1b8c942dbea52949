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

LEAST_PRODUCTS = 2**19
"""For fewer products of two numbers the longer call, by some microseconds, takes what the library gains."""
_TRIAL_ROWS = 32
_TRIAL_WEIGHTS = 2**24
"""A larger layer is not tried: the start of the server would wait for it."""
_TRIALS = 5
FASTER = 1.2
"""A smaller gain may be noise."""

_log = logging.getLogger("llmwright.serve")


class OneDnnLinear(nn.Linear):
    """A float32 ``nn.Linear`` on a CPU, for inference. It rounds sums otherwise than torch's, and as little."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 - the name in nn.Linear
        """Return [..., out features] for [..., in features]."""
        if input.numel() * self.out_features < LEAST_PRODUCTS or torch.is_grad_enabled():
            return super().forward(input)
        return by_onednn(input, self)


def use_onednn(model: nn.Module) -> None:
    """Let oneDNN multiply in the plain float32 layers of ``model`` if it is faster in a trial of the largest."""
    layers = [layer for layer in model.modules() if type(layer) is nn.Linear and _is_on_cpu(layer.weight)]
    sizes = {layer.weight.numel(): layer for layer in layers if layer.weight.numel() <= _TRIAL_WEIGHTS}
    gain = _gain(sizes[max(sizes)]) if sizes else 0
    if gain < FASTER:
        return
    _log.info("oneDNN multiplies the matrices: %.1f times as fast here as torch's first choice", gain)
    for layer in layers:
        # The same object, so that hooks and tied weights stay.
        layer.__class__ = OneDnnLinear


def _is_on_cpu(weight: torch.Tensor) -> bool:
    return weight.dtype == torch.float32 and weight.device.type == "cpu"


def by_onednn(rows: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """Return [..., out features]. Raises AttributeError or RuntimeError where torch has no oneDNN."""
    # What torch's own compiler calls for a layer on a CPU; no public function takes plain tensors.
    product: torch.Tensor = torch.ops.mkldnn._linear_pointwise(rows, layer.weight, layer.bias, "none", [], "")
    return product


def by_torch(rows: torch.Tensor, layer: nn.Linear) -> torch.Tensor:
    """Return [..., out features]."""
    return functional.linear(rows, layer.weight, layer.bias)


def _gain(layer: nn.Linear) -> float:
    """Return how many times as fast as torch's first choice oneDNN is; 0 where it cannot do it."""
    rows = torch.ones(_TRIAL_ROWS, layer.in_features)
    try:
        with torch.inference_mode():
            times = [(_seconds(by_torch, rows, layer), _seconds(by_onednn, rows, layer)) for _ in range(_TRIALS)]
    except (AttributeError, RuntimeError) as error:
        _log.debug("oneDNN does not multiply here: %s", error)
        return 0
    return min(torchs for torchs, _ in times) / min(ours for _, ours in times)


def _seconds(way: Callable[[torch.Tensor, nn.Linear], torch.Tensor], rows: torch.Tensor, layer: nn.Linear) -> float:
    began = time.perf_counter()
    way(rows, layer)
    return time.perf_counter() - began
