"""A stranger's runtime that declares itself better becomes the default, and the Plan says why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from tests.support.planning import Engine, Planned, drivers_with, inference, required, tuning

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Capabilities
from llmwright.provisioners.local import LocalProvisioner
from llmwright.testing.fakes import FakeRuntime
from llmwright.values.adapter import Adapter
from llmwright.values.fit import Fit
from llmwright.values.preset import Preset

A100 = "Standard_NC24ads_A100_v4"


class Stranger(FakeRuntime):
    """Better at models without adapters, on one machine and on clusters."""

    default_rank = {"kubernetes": 200, "local": 200}
    capabilities = Capabilities(cpu=True)


DRIVERS = drivers_with(vllm=Engine, acme=Stranger)


def test_it_is_chosen_and_the_plan_says_why(planned: Planned) -> None:
    for parts in ({"sku": A100}, {}):
        plan = planned(**parts, inference=inference("demo"), drivers=DRIVERS)
        target = plan.target
        assert required(plan.runtime).name == "acme"
        assert required(plan.runtime).why.startswith(
            f"its rank of 200 is the highest of the runtimes that can serve this on {target}"
        )
        assert required(plan.serving).main.env["SERVED_NAME"] == "demo"


def test_it_steps_aside_for_adapters_and_the_plan_says_so(planned: Planned) -> None:
    plan = planned(tuning=tuning(), drivers=DRIVERS)
    assert required(plan.runtime).name == "hf"
    assert "acme serves no adapters" in required(plan.runtime).why


def test_named_it_is_refused_for_what_it_cannot_do(planned: Planned) -> None:
    adapter = {"source": {"name": "a", "volumeSource": {"hostPath": {"path": "/a"}}}, "strength": "0.5"}
    asked = inference("demo", runtime="acme", adapters=[adapter])
    with pytest.raises(InvalidWorkspace) as caught:
        planned(inference=asked, drivers=DRIVERS)
    assert [problem.path for problem in caught.value.problems] == [
        "inference.runtime",
        "inference.adapters[0].strength",
    ]


def test_a_name_in_workspace_or_settings_still_wins(planned: Planned) -> None:
    assert required(planned(inference=inference("demo", runtime="hf"), drivers=DRIVERS).runtime).name == "hf"


def test_what_it_says_of_the_preset_is_in_the_plan(planned: Planned) -> None:
    class Noting(Stranger):
        def notes(self, preset: Preset, fit: Fit, config: Any) -> tuple[str, ...]:
            return (f"acme reads no reasoning of {preset.name}",)

    plan = planned(inference=inference("demo"), drivers=drivers_with(acme=Noting))
    assert "acme reads no reasoning of demo" in plan.notes


def test_one_that_must_be_named_is_not_said_to_be_missing(planned: Planned) -> None:
    class Shy(FakeRuntime):
        default_rank = {}

    drivers = DriverSet.of_classes(provisioners={"local": LocalProvisioner}, runtimes={"shy": Shy})
    with pytest.raises(InvalidWorkspace, match="no runtime can serve demo: shy would have to be named") as caught:
        planned(inference=inference("demo"), drivers=drivers)
    assert "name one: inference.runtime" in caught.value.problems[0].hint


class Renaming(Stranger):
    """Serves under the names of its options."""

    def configure(self, options: Mapping[str, Any], files: Mapping[str, str]) -> Any:
        return options

    def served_names(self, preset: Preset, adapters: tuple[Adapter, ...], config: Any) -> tuple[str, ...]:
        return tuple(config["names"])


def test_the_plan_has_the_names_that_the_runtime_serves(planned: Planned) -> None:
    def named(*names: str) -> tuple[str, ...]:
        asked = inference("demo", runtime="acme", runtimeConfig={"names": [*names]})
        return planned(inference=asked, drivers=drivers_with(acme=Renaming)).served_names

    assert named("gpt", "own") == ("gpt", "own")
    with pytest.raises(InvalidWorkspace, match="'gpt' is given to two models"):
        named("gpt", "own", "gpt")
