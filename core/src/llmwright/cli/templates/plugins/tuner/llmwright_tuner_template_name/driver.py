"""The control half: what tuning needs and what to run. It imports no model library and starts nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.module_tuner import ModuleTuner
from llmwright.values.fit import MemoryTerm
from llmwright.values.preset import Preset


class Options(BaseModel):
    """``tuning.methodConfig`` of a Workspace."""

    model_config = ConfigDict(extra="forbid")

    rank: int = Field(default=8, ge=1, description="rank of the adapter's matrices")
    steps: int = Field(default=10, ge=1, description="steps of training")


class TemplateNameTuner(ModuleTuner):
    """Writes an adapter of the right shape that has learned nothing."""

    targets = frozenset({"local", "kubernetes"})
    module = "llmwright_tuner_template_name.train"
    image = "template-name"
    config_model = Options
    checkpoints = True

    def memory(self, preset: Preset, config: Any) -> tuple[MemoryTerm, ...]:
        """The weights as they are; of each weight of the adapter also its gradient and Adam's two moments."""
        width = preset.architecture.hidden_size if preset.architecture else 4096
        layers = preset.architecture.layers if preset.architecture else 32
        return (
            MemoryTerm("weights", preset.weight_bytes),
            MemoryTerm("adapter", 16 * config.rank * 2 * width * layers),
        )
