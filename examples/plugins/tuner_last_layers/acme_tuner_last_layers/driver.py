"""The control half: what tuning needs and what to run. Imports neither torch nor peft."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.module_tuner import ModuleTuner
from llmwright.values.fit import MemoryTerm
from llmwright.values.preset import Preset


class Options(BaseModel):
    """``tuning.methodConfig``."""

    model_config = ConfigDict(extra="forbid")
    layers: int = Field(default=2, ge=1, description="how many layers, counted from the last")
    steps: int = Field(default=100, ge=1, description="steps of 8 rows")


class LastLayersTuner(ModuleTuner):
    """Tunes a LoRA adapter of rank 16 on the last layers, in float32."""

    targets = frozenset({"local", "kubernetes"})
    module = "acme_tuner_last_layers.train"
    image = "last-layers"
    config_model = Options
    checkpoints = True

    def memory(self, preset: Preset, config: Any) -> tuple[MemoryTerm, ...]:
        """All in float32; of the adapter, of rank 16, also gradients and Adam's two moments."""
        sizes = preset.architecture
        width = sizes.hidden_size + sizes.intermediate_size if sizes else 8192
        return (
            MemoryTerm("weights", 4 * preset.parameters),
            MemoryTerm("adapter", 16 * 7 * config.layers * 16 * width),
            MemoryTerm("activations", 4 * 8 * 512 * width * (sizes.layers if sizes else 32)),
        )
