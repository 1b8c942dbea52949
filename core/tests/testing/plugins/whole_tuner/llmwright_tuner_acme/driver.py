"""The control half: what tuning needs and what to run. It imports no model library and starts nothing."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.plugins.drivers import Tuner
from llmwright.plugins.weights import weights_of
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import Launch, Mount, Process
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

PROGRAM = ("$(python)", "-m", "llmwright_tuner_acme.train")
DATA = Mount(volume="data", path="/mnt/data", read_only=True)
RESULTS = Mount(volume="results", path="/mnt/results")
CONFIG = Mount(volume="config", path="/mnt/config", read_only=True)


class Options(BaseModel):
    """``tuning.methodConfig`` of a Workspace."""

    model_config = ConfigDict(extra="forbid")

    rank: int = Field(default=8, ge=1, description="rank of the adapter's matrices")
    steps: int = Field(default=10, ge=1, description="steps of training")


class AcmeTuner(Tuner):
    """Writes an adapter of the right shape that has learned nothing."""

    targets = frozenset({"local", "kubernetes"})
    config_model = Options
    reads_config = True
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
        weights = weights_of(preset)
        main = Process(
            name="train",
            # The role of an image with this package in it; the setting `images` says which image that is.
            image="acme",
            argv=(
                *(*PROGRAM, "train", *weights.arguments),
                *("--data", "$(volume.data)"),
                *("--results", "$(volume.results)"),
                *("--targets", ",".join(preset.lora_targets or ("q_proj", "v_proj"))),
                *("--rank", str(config.rank)),
                *("--steps", str(config.steps)),
                *(("--config", data.config_path) if data.config_path else ()),
            ),
            mounts=(DATA, RESULTS, *((CONFIG,) if data.config_path else ()), *weights.mounts),
            gpus=fit.gpus,
        )
        return Launch(main=main, prepare=weights.prepare, volumes=weights.volumes)

    def inspect(self, preset: Preset, data: TuningData, config: Any) -> Process | None:
        """Read every row before a machine is bought."""
        argv = (*PROGRAM, "inspect", "--data", "$(volume.data)")
        return Process(name="inspect", argv=argv, mounts=(DATA,), image="acme")

    def sample(self, preset: Preset, data: TuningData, config: Any, rows: int) -> Process | None:
        """Print the first rows, for ``llmwright quiz``."""
        argv = (*PROGRAM, "sample", "--data", "$(volume.data)", "--rows", str(rows))
        return Process(name="sample", argv=argv, mounts=(DATA,), image="acme")
