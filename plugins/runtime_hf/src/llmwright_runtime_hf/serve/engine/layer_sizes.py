"""The sizes of a model's layers, against which adapters are judged."""

from __future__ import annotations

import torch
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D


def layer_sizes(model: PreTrainedModel) -> dict[str, tuple[int, int]]:
    """Return (outputs, inputs) of each linear layer, and of each embedding, by its full name; (0, 0) for the rest."""
    return {name: _size(module) for name, module in model.named_modules() if name}


def _size(module: torch.nn.Module) -> tuple[int, int]:
    if isinstance(module, Conv1D):
        return module.nf, module.weight.shape[0]
    if isinstance(module, torch.nn.Embedding):
        return module.embedding_dim, module.num_embeddings
    # Quantised layers pack their weights into another shape.
    return int(getattr(module, "out_features", 0)), int(getattr(module, "in_features", 0))
