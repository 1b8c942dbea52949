"""What the user chose for one run: a config file or none, and options over it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from modelwright.values.preset import Preset
from modelwright_tuning_qlora.config import Method, TrainingConfig


@dataclass(frozen=True, slots=True)
class Choice:
    """``file`` is the user's ``training_config.yaml``; without one upstream's defaults and the preset's own hold.

    ``options`` are those of ``tuning.methodConfig``, laid over either.
    """

    method: Method
    file: TrainingConfig | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def effective(self, preset: Preset) -> TrainingConfig:
        """All that holds for ``preset``.

        Raises:
            InvalidWorkspace: the preset's own options cannot be used.
        """
        if self.file is not None:
            return self.file.merge(self.options)
        return TrainingConfig.defaults(self.method).merge(preset.tuning).merge(self.options)

    def overlay(self, preset: Preset) -> dict[str, Any]:
        """What must be laid over the file, or over the defaults without one, to get ``effective``; by section."""
        base = self.file or TrainingConfig.defaults(self.method)
        before, after = base.dump(), self.effective(preset).dump()
        changed = {
            section: {key: value for key, value in values.items() if before.get(section, {}).get(key) != value}
            for section, values in after.items()
        }
        return {section: values for section, values in changed.items() if values}
