"""What the user chose for one run: a config file or none, and options over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from llmwright.values.preset import Preset
from llmwright_tuning_qlora.training_config import Method, TrainingConfig


@dataclass(frozen=True, slots=True)
class Choice:
    """``file`` is the user's ``training_config.yaml``; without one upstream's defaults and the preset's own hold.

    ``options`` are those of ``tuning.methodConfig``, laid over either.
    """

    method: Method
    file: TrainingConfig | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    _known: dict[str, TrainingConfig] = field(default_factory=dict, repr=False, compare=False)
    """What was computed, by the preset's name: a plan asks for it many times."""

    @property
    def base(self) -> TrainingConfig:
        """The file, or upstream's defaults without one."""
        return self.file or _defaults(self.method)

    def effective(self, preset: Preset) -> TrainingConfig:
        """All that holds for ``preset``.

        Raises:
            InvalidWorkspace: the preset's own options cannot be used.
        """
        if preset.name not in self._known:
            base = self.file or (self.base.merge(preset.tuning) if preset.tuning else self.base)
            self._known[preset.name] = base.merge(self.options) if self.options else base
        return self._known[preset.name]

    def overlay(self, preset: Preset) -> dict[str, Any]:
        """What must be laid over the file, or over the defaults without one, to get ``effective``; by section."""
        before, after = self.base.dump(), self.effective(preset).dump()
        changed = {
            section: {key: value for key, value in values.items() if before.get(section, {}).get(key) != value}
            for section, values in after.items()
        }
        return {section: values for section, values in changed.items() if values}


@cache
def _defaults(method: Method) -> TrainingConfig:
    return TrainingConfig.defaults(method)
