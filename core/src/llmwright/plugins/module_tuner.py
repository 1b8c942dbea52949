"""A tuner whose workload half is one Python module that calls ``trainer.main``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from llmwright.plugins.drivers import Tuner
from llmwright.plugins.programs import data_process, trainer_launch
from llmwright.values.fit import Fit
from llmwright.values.launch import Launch, Process
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["ModuleTuner"]

_TARGETS = ("q_proj", "v_proj")
"""Modules of most networks, where a preset names none."""


class ModuleTuner(Tuner):
    """Starts ``module`` with the user's options: to train, to read the data set beforehand, and to show rows of it.

    A subclass names its module and image, gives ``config_model``, and reckons the memory. Its options reach the
    ``options`` of the trainer's ``Run``.
    """

    module: ClassVar[str]
    """The Python module that calls ``trainer.main``, such as ``acme.train``."""

    image: ClassVar[str]
    """The role of an image with the module in it; the setting ``images`` says which image that is."""

    config_model: ClassVar[type[BaseModel]]

    def images(self) -> Mapping[str, str]:
        """Return the role that ``image`` names."""
        return {self.image: ""}

    def launch(self, preset: Preset, fit: Fit, data: TuningData, config: Any) -> Launch:
        """Return one process that reads ``data`` and writes ``results``."""
        targets = ",".join(preset.lora_targets or _TARGETS)
        options = {"targets": targets, "options": config.model_dump_json()}
        return trainer_launch(self.module, preset, fit, data, image=self.image, options=options)

    def inspect(self, preset: Preset, data: TuningData, config: Any) -> Process | None:
        """Return a process that reads every row before a machine is bought."""
        return data_process(self.module, "inspect", image=self.image, options={})

    def sample(self, preset: Preset, data: TuningData, config: Any, rows: int) -> Process | None:
        """Return a process that prints the first rows, for the questions that ``llmwright run`` asks.

        It prints a line of JSON for each row and nothing else, so a module imports what talks within ``train``.
        """
        return data_process(self.module, "sample", image=self.image, options={"rows": rows})
