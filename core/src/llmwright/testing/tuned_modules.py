"""Laws of the modules that a tuner's adapter changes: those that the preset names, and that its network has."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from llmwright.plugins.drivers import Tuner
from llmwright.testing.adapter_faults import network_faults
from llmwright.testing.launches import as_json
from llmwright.testing.model_figures import SPLIT_MODULES
from llmwright.testing.tuned_data import DataContract
from llmwright.testing.tuned_runs import Run, adapter_config
from llmwright.values.fit import Fit
from llmwright.values.preset import Preset
from llmwright.values.tuning_data import TuningData

SPLIT, JOINED = ("q_proj", "k_proj", "v_proj", "o_proj"), ("query_key_value", "dense")
"""Modules of two families of networks."""

MODULE = re.compile(r"(?<!\w)((?:[qkvo]|gate|up|down|qkv|gate_up|c|out)_proj|query_key_value|dense|c_attn|Wqkv)(?!\w)")


class ModulesContract(DataContract):
    """Laws of ``lora_targets``, in the Launch and in what a run leaves."""

    def test_the_lora_targets_of_the_preset_are_tuned(
        self, driver: Tuner, preset: Preset, fit: Fit, data: TuningData, config: Any
    ) -> None:
        """A Launch that names modules names the preset's, and for a preset without any none that its network lacks."""
        launches = {
            targets: as_json(driver.launch(replace(preset, lora_targets=targets), fit, data, config))
            for targets in (SPLIT, JOINED)
        }
        if launches[SPLIT] != launches[JOINED]:
            for targets, others in ((SPLIT, JOINED), (JOINED, SPLIT)):
                named = {*MODULE.findall(launches[targets])}
                assert named >= {*targets}, f"launch names {sorted(named)}, and preset.lora_targets has {targets}"
                assert not named & {*others}, f"launch names {sorted(named)}: preset.lora_targets has only {targets}"
        else:
            named = {*MODULE.findall(launches[SPLIT])}
            assert not named, f"launch names {sorted(named)}, whatever preset.lora_targets has: pass those on"
        without = as_json(driver.launch(replace(preset, lora_targets=()), fit, data, config))
        foreign = sorted({*MODULE.findall(without)} - SPLIT_MODULES)
        assert not foreign, f"launch names {foreign} for a preset without lora_targets, and its network has none such"

    def test_the_adapter_is_of_the_preset_s_modules(self, run: Run, tuned_preset: Preset) -> None:
        """The adapter changes modules that ``lora_targets`` of the preset names, where it names any."""
        about = adapter_config(run.results)
        targets = about["target_modules"]
        others = sorted(set(targets) - set(tuned_preset.lora_targets)) if isinstance(targets, list) else []
        allowed = ", ".join(tuned_preset.lora_targets)
        assert not (allowed and others), f"the adapter changes {', '.join(others)}; the preset names {allowed} to adapt"

    def test_the_network_has_its_modules(self, run: Run, tuned_preset: Preset) -> None:
        """Each of the adapter's target modules is one that the model has."""
        about = adapter_config(run.results)
        faults = [*network_faults(about, Path(tuned_preset.source.removeprefix("file://")))]
        assert not faults, faults[0]
