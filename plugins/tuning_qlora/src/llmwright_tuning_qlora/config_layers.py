"""The layers of a training config: upstream's defaults or the user's file, the preset's options, the user's options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from llmwright.values.preset import Preset
from llmwright_tuning_qlora.training_config import Method, TrainingConfig


@dataclass(frozen=True, slots=True)
class ConfigLayers:
    """``file`` is the user's ``training_config.yaml``. Without one, upstream's defaults and the preset's options hold.

    ``options`` are those of ``tuning.methodConfig``; they override both.
    """

    method: Method
    file: TrainingConfig | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    _cache: dict[str, TrainingConfig] = field(default_factory=dict, repr=False, compare=False)
    """Results of ``effective`` by the preset's name: a plan calls it many times."""

    @property
    def base(self) -> TrainingConfig:
        """The file, or upstream's defaults without one."""
        return self.file or _defaults(self.method)

    def effective(self, preset: Preset) -> TrainingConfig:
        """Return the config that holds for ``preset``.

        Raises:
            InvalidWorkspace: the preset's own options cannot be used.
        """
        if preset.name not in self._cache:
            base = self.file or (self.base.merge(preset.tuning) if preset.tuning else self.base)
            self._cache[preset.name] = base.merge(self.options) if self.options else base
        return self._cache[preset.name]

    def overlay(self, preset: Preset) -> dict[str, Any]:
        """Return the keys, by section, in which ``effective`` differs from the file, or else from the defaults."""
        before, after = self.base.dump(), self.effective(preset).dump()
        changed = {
            section: {key: value for key, value in values.items() if before.get(section, {}).get(key) != value}
            for section, values in after.items()
        }
        return {section: values for section, values in changed.items() if values}


@cache
def _defaults(method: Method) -> TrainingConfig:
    return TrainingConfig.defaults(method)
