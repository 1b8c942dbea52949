"""Adapters of a model that is loaded in this process, as the server loads them."""

from __future__ import annotations

from llmwright_runtime_hf.serve.engine.lora_adapters import LoraAdapters
from llmwright_runtime_hf.serve.engine.model_loading import LoadedModel
from llmwright_runtime_hf.serve.engine.served_adapters import ServedAdapters
from llmwright_runtime_hf.serve.engine.served_names import ServedNames
from llmwright_runtime_hf.serve.serve_options import ServeOptions
from llmwright_runtime_hf.serve.server_metrics import ServerMetrics


def load_adapters(loaded: LoadedModel, options: ServeOptions) -> ServedAdapters:
    """Load the adapters of ``options`` beside their base. Raises ConfigError if one does not fit."""
    served = ServedAdapters(loaded, LoraAdapters(loaded.model), ServedNames(options), ServerMetrics(), batches=False)
    for spec in options.adapters:
        for _ in served.load(served.read(spec)):
            pass
    return served


def select(served: ServedAdapters, name: str) -> None:
    """Apply what is served as ``name`` to the next pass."""
    key = served.key_of(name)
    assert key is not None
    served.select([key])
