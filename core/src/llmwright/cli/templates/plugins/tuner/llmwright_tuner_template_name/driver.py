"""The control half: what tuning needs and what to run. It imports no model library and starts nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.drivers import Tuner
from llmwright.plugins.programs import data_process, trainer_launch
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import Launch, Process
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

MODULE = "llmwright_tuner_template_name.train"
IMAGE = "template-name"
"""The role of an image with this package in it; the setting `images` says which image that is."""


class Options(BaseModel):
    """``tuning.methodConfig`` of a Workspace."""

    model_config = ConfigDict(extra="forbid")

    rank: int = Field(default=8, ge=1, description="rank of the adapter's matrices")
    steps: int = Field(default=10, ge=1, description="steps of training")


class TemplateNameTuner(Tuner):
    """Writes an adapter of the right shape that has learned nothing."""

    targets = frozenset({"local", "kubernetes"})
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

    def launch(self, preset: Preset, fit: Fit, data: TuningData, config: Any) -> Launch:
        """One process that reads ``data`` and writes ``results``."""
        options = {
            "targets": ",".join(preset.lora_targets or ("q_proj", "v_proj")),
            "rank": config.rank,
            "steps": config.steps,
        }
        return trainer_launch(MODULE, preset, fit, data, image=IMAGE, options=options)

    def inspect(self, preset: Preset, data: TuningData, config: Any) -> Process | None:
        """Read every row before a machine is bought."""
        return data_process(MODULE, "inspect", image=IMAGE, options={})

    def sample(self, preset: Preset, data: TuningData, config: Any, rows: int) -> Process | None:
        """Print the first rows, for the questions that ``llmwright run`` asks before and after."""
        return data_process(MODULE, "sample", image=IMAGE, options={"rows": rows})
