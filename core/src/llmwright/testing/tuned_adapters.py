"""Laws of what a run of the trainer leaves: an adapter that peft loads, and a record that can be shown."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from llmwright.catalogue.weight_files import ADAPTER_WEIGHTS
from llmwright.plugins.drivers import Tuner
from llmwright.targets.local.supervisor.tuning_progress import read_progress
from llmwright.testing.adapter_faults import adapter_faults, progress_faults
from llmwright.testing.adapters import OLD, write_old_adapter
from llmwright.testing.supervised_launches import Supervised
from llmwright.testing.tuned_modules import ModulesContract
from llmwright.testing.tuned_runs import CONFIG_FILE, RANK, RANKED, STEPPED, Run, adapter_config, events
from llmwright.values.launch import Launch
from llmwright.values.preset import Preset


@dataclass(frozen=True)
class Supervision:
    """The results of a run under the supervisor, and the weights that lay there before."""

    results: Path
    old: bytes


class AdapterContract(ModulesContract):
    """Laws of the results of one run, and of a run under the supervisor over the results of another."""

    @pytest.fixture
    def supervised(
        self, request: pytest.FixtureRequest, run: Run, tuned_launch: Launch, tuned_preset: Preset,
        tmp_path_factory: pytest.TempPathFactory, patience_s: float,
    ) -> Supervision:  # fmt: skip
        """A run under the supervisor, one for all laws of a class, into a directory with the adapter of another."""
        if run.ended.code:
            pytest.skip("it does not train; see test_it_trains")
        holder = request.node.getparent(pytest.Class)
        if not hasattr(holder, "llmwright_supervision"):
            folder = tmp_path_factory.mktemp("supervised")
            results, sizes, old = folder / "results", tuned_preset.architecture, b""
            if sizes is not None:
                write_old_adapter(results, sizes)
                old = (results / ADAPTER_WEIGHTS).read_bytes()
            Supervised(folder, tuned_preset, {}, patience_s).tune(tuned_launch, run.data, results)
            holder.llmwright_supervision = Supervision(results, old)
        supervision: Supervision = holder.llmwright_supervision
        return supervision

    def test_the_supervisor_trains_it(self, supervised: Supervision) -> None:
        """Under the supervisor of one machine it succeeds, and the core packs its adapter as an image."""
        assert (supervised.results / "image").exists(), "the core packed no image"

    def test_an_old_adapter_is_replaced(self, run: Run, supervised: Supervision) -> None:
        """An adapter of another run in ``results`` is no reason to end at once, and neither of its files stays."""
        about = adapter_config(supervised.results)
        assert OLD not in about.values(), (
            f"{CONFIG_FILE} is that of an earlier run, which lay in results: write it anew"
        )
        weights = (supervised.results / ADAPTER_WEIGHTS).read_bytes()
        assert weights != supervised.old, f"{ADAPTER_WEIGHTS} is that of an earlier run, which lay in results: train"
        if [*events(run.results)]:
            made = [event for event in events(supervised.results) if OLD not in event]
            assert made, "no step was made, because progress.jsonl of an earlier run lay in results: train"

    def test_peft_loads_the_adapter(self, run: Run, tuned_preset: Preset) -> None:
        """Names, ranks and layers of its tensors are as its configuration tells, and all weights are numbers."""
        about = adapter_config(run.results)
        sizes = tuned_preset.architecture
        faults = [*adapter_faults(about, run.results / ADAPTER_WEIGHTS, sizes.layers if sizes is not None else 0)]
        assert not faults, faults[0]

    def test_a_configured_rank_is_the_adapter_s(self, driver: Tuner, run: Run, few_steps: dict[str, Any]) -> None:
        """An option ``rank`` or ``r`` is the ``r`` of the adapter."""
        about = adapter_config(run.results)
        for name in few_steps:
            if RANK.fullmatch(name) and few_steps[name] == RANKED:
                assert about.get("r") == RANKED, f"the adapter has r {about.get('r')}, and {name} is {RANKED}"

    def test_the_rank_that_is_declared_is_the_adapter_s(
        self, driver: Tuner, run: Run, tuned_preset: Preset, few_steps: dict[str, Any]
    ) -> None:
        """``adapter_rank`` is None, or the greatest rank of the adapter: an engine loads none above it."""
        declared = driver.adapter_rank(tuned_preset, driver.configure(few_steps, {}))
        about = adapter_config(run.results)
        ranks = [about.get("r") or 0, *(about.get("rank_pattern") or {}).values()]
        assert declared in (None, max(ranks)), f"adapter_rank is {declared}, and the adapter has rank {max(ranks)}"

    def test_it_leaves_the_chat_template_that_it_names(
        self, driver: Tuner, run: Run, few_steps: dict[str, Any]
    ) -> None:
        """The file that ``chat_template`` names lies beside the weights."""
        name = driver.chat_template(driver.configure(few_steps, {}))
        assert name is None or (run.results / name).is_file(), f"chat_template is {name}, and results has no such file"

    def test_its_progress_can_be_shown(self, driver: Tuner, run: Run, few_steps: dict[str, Any]) -> None:
        """Where it writes ``progress.jsonl``, the core reads it: steps in order, of so many, up to the last."""
        lines = [*events(run.results)]
        if not lines:
            return
        asked = next((few_steps[name] for name in few_steps if STEPPED.fullmatch(name)), None)
        faults = [*progress_faults(lines, asked)]
        assert not faults, f"progress.jsonl: {faults[0]}"
        assert read_progress(run.results) is not None, f"the core cannot read the last step event: {lines[-1]}"
