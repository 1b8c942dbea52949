"""Options of ``runtimeConfig`` that a preset has: they hold where the Workspace does not write them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest
from tests.support.planning import GIB, HERE, NO_SETTINGS, PLAIN, inference, required, tuning, workspace

from llmwright.catalogue.catalogue import Catalogue
from llmwright.errors import InvalidWorkspace
from llmwright.plan.make import make_plan
from llmwright.values.plan import Plan

MODEL = "phi-3-mini-4k-instruct"
"""8 GiB in bfloat16, 15 GiB in float32."""

PlannedWith = Callable[..., Plan]


@pytest.fixture
def planned_with(catalogue: Catalogue) -> PlannedWith:
    """``planned_with({"quantization": "nf4"}, inference=…)``: the preset ``own`` has those options for hf."""

    def plan(options: Mapping[str, Any], runtime: str = "hf", **parts: Any) -> Plan:
        own = replace(catalogue.preset(MODEL), name="own", aliases=(), runtime_config={runtime: options})
        return make_plan(
            workspace(**parts),
            catalogue=catalogue.with_presets(own),
            drivers=PLAIN,
            settings=NO_SETTINGS,
            target="local",
            machine=replace(HERE, memory_bytes=32 * GIB),
        )

    return plan


def weights_of(plan: Plan) -> int:
    (fit,) = (fit for role, fit in plan.fits if role == "serving")
    (term,) = (term for term in fit.terms if term.name == "weights")
    return term.bytes


@pytest.mark.parametrize(("kind", "most"), [("nf4", 4 * GIB), ("int8", 6 * GIB)])
def test_a_preset_says_how_its_weights_are_quantised(planned_with: PlannedWith, kind: str, most: int) -> None:
    plan = planned_with({"quantization": kind}, inference=inference("own"))
    argv = required(plan.serving).main.argv
    assert argv[argv.index("--quantization") + 1] == kind
    assert weights_of(plan) < most < weights_of(planned_with({}, inference=inference("own")))
    assert any(f"the preset own has the runtimeConfig {{quantization: {kind}}}" in note for note in plan.notes)


def test_what_the_workspace_writes_goes_before(planned_with: PlannedWith) -> None:
    own = {"quantization": "nf4", "threads": 1}
    asked = inference("own", runtimeConfig={"quantization": "none"})
    plan = planned_with(own, inference=asked)
    argv = required(plan.serving).main.argv
    assert "--quantization" not in argv
    assert argv[argv.index("--threads") + 1] == "1"
    assert weights_of(plan) == weights_of(planned_with({}, inference=inference("own")))
    assert any("has the runtimeConfig {threads: 1}" in note for note in plan.notes)


def test_a_tuned_model_is_served_with_them_too(planned_with: PlannedWith) -> None:
    argv = required(planned_with({"quantization": "int8"}, tuning=tuning("own")).serving).main.argv
    assert argv[argv.index("--quantization") + 1] == "int8"


def test_the_options_of_another_runtime_are_not_read(planned_with: PlannedWith) -> None:
    plan = planned_with({"max-num-seqs": 4}, "vllm", inference=inference("own"))
    assert not any("runtimeConfig" in note for note in plan.notes)


def test_an_option_that_there_is_not_is_told_with_the_preset(planned_with: PlannedWith) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        planned_with({"quantisation": "nf4"}, inference=inference("own"))
    (problem,) = caught.value.problems
    assert problem.path == "inference.preset.name"
    assert "the preset own has the runtimeConfig quantisation: " in problem.message
