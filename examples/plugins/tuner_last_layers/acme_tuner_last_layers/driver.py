"""The control half: what tuning needs and what to run. Imports neither torch nor peft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from llmwright.errors import InvalidWorkspace, Problem
from llmwright.plugins.drivers import Tuner
from llmwright.plugins.weights import weights_of
from llmwright.values.fit import Fit, MemoryTerm
from llmwright.values.launch import Launch, Mount, Process
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData


class Options(BaseModel):
    """``tuning.methodConfig``."""

    model_config = ConfigDict(extra="forbid")
    layers: int = Field(default=2, ge=1, description="how many layers, counted from the last")
    steps: int = Field(default=100, ge=1, description="steps of 8 rows")


class LastLayersTuner(Tuner):
    """Tunes a LoRA adapter of rank 16 on the last layers, in float32."""

    targets = frozenset({"local", "kubernetes"})
    config_model = Options

    def memory(self, preset: Preset, config: Any) -> tuple[MemoryTerm, ...]:
        """All in float32; of the adapter, of rank 16, also gradients and Adam's two moments."""
        sizes = preset.architecture
        width = sizes.hidden_size + sizes.intermediate_size if sizes else 8192
        return (
            MemoryTerm("weights", 4 * preset.parameters),
            MemoryTerm("adapter", 16 * 7 * config.layers * 16 * width),
            MemoryTerm("activations", 4 * 8 * 512 * width * (sizes.layers if sizes else 32)),
        )

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> Any:
        """``methodConfig``; a training config in a ConfigMap is refused."""
        if files:
            raise InvalidWorkspace([Problem(name, "this method reads no training config") for name in files])
        return super().configure(options, files)

    def launch(self, preset: Preset, fit: Fit, data: TuningData, config: Any) -> Launch:
        """One process that reads ``data`` and writes ``results``."""
        weights = weights_of(preset)
        modules = ",".join(preset.lora_targets or ("q_proj", "v_proj"))
        argv = ("$(python)", "-m", "acme_tuner_last_layers.train", weights.model, weights.revision or "main")
        code = "its-own-code" if weights.remote_code else "no-code"
        options = (code, "$(volume.data)", "$(volume.results)", modules, str(config.layers), str(config.steps))
        mounts = (Mount(volume="data", path="/data", read_only=True), Mount(volume="results", path="/results"))
        main = Process(name="train", argv=(*argv, *options), mounts=(*mounts, *weights.mounts), gpus=fit.gpus)
        return Launch(main=main, prepare=weights.prepare, volumes=weights.volumes)
