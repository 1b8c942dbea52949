"""Laws of what a run of the trainer leaves: an adapter that peft loads, and a record that can be shown."""

from __future__ import annotations

import json
from typing import Any

from llmwright.catalogue.weight_files import ADAPTER_WEIGHTS
from llmwright.plugins.drivers import Tuner
from llmwright.targets.local.supervisor.tuning_progress import read_progress
from llmwright.testing.adapter_faults import adapter_faults, progress_faults
from llmwright.testing.tuned_runs import CONFIG_FILE, RANK, RANKED, STEPPED, Run, TunedContract, events
from llmwright.values.preset import Preset


class AdapterContract(TunedContract):
    """Laws of the results of one run."""

    def test_peft_loads_the_adapter(self, run: Run, tuned_preset: Preset) -> None:
        """Names, ranks and layers of its tensors are as its configuration tells, and all weights are numbers."""
        about = json.loads((run.results / CONFIG_FILE).read_text())
        sizes = tuned_preset.architecture
        faults = [*adapter_faults(about, run.results / ADAPTER_WEIGHTS, sizes.layers if sizes is not None else 0)]
        assert not faults, faults[0]

    def test_a_configured_rank_is_the_adapter_s(self, driver: Tuner, run: Run, few_steps: dict[str, Any]) -> None:
        """An option ``rank`` or ``r`` is the ``r`` of the adapter."""
        about = json.loads((run.results / CONFIG_FILE).read_text())
        for name in few_steps:
            if RANK.fullmatch(name) and few_steps[name] == RANKED:
                assert about.get("r") == RANKED, f"the adapter has r {about.get('r')}, and {name} is {RANKED}"

    def test_its_progress_can_be_shown(self, driver: Tuner, run: Run, few_steps: dict[str, Any]) -> None:
        """Where it writes ``progress.jsonl``, the core reads it: steps in order, of so many, up to the last."""
        lines = [*events(run.results)]
        if not lines:
            return
        asked = next((few_steps[name] for name in few_steps if STEPPED.fullmatch(name)), None)
        faults = [*progress_faults(lines, asked)]
        assert not faults, f"progress.jsonl: {faults[0]}"
        assert read_progress(run.results) is not None, f"the core cannot read the last step event: {lines[-1]}"
