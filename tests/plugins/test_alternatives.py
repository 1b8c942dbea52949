"""A named runtime that cannot do what is asked is refused with those that can, by what each declares."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from llmwright.plugins.declarations import Capabilities
from llmwright.plugins.demand import Demand
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import Runtime
from llmwright.plugins.registry import Registry
from llmwright.plugins.selection import objections
from llmwright.testing import make_instance_type
from llmwright.testing.fakes import FakeRuntime

REGISTRY = Registry(log=lambda _: None)
RUNTIMES: dict[str, type[Runtime]] = {
    name: driver for name in REGISTRY.names("runtime") if name not in (driver := REGISTRY.runtime(name)).aliases
}
NAMES = (*RUNTIMES,)
PROCESSOR, GRAPHICS = make_instance_type(), make_instance_type(gpus=1, gpu_model="NVIDIA A100")
ASKED: dict[str, tuple[Demand, Callable[[Capabilities], bool]]] = {
    "adapters": (Demand(target="local", adapters=1), lambda able: able.adapters),
    "strength": (
        Demand(target="local", adapters=1, strengths=(0,)),
        lambda able: able.adapters and able.adapter_strength,
    ),
    "key": (Demand(target="local", api_key=True), lambda able: able.api_key),
    "processor": (Demand(target="kubernetes", machine=PROCESSOR), lambda able: able.cpu),
    "this processor": (Demand(target="local", machine=PROCESSOR), lambda able: able.cpu or able.cpu_locally),
    "GPU": (Demand(target="kubernetes", machine=GRAPHICS), lambda able: able.gpu),
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("name", NAMES)
def test_what_capabilities_lack_is_refused_with_who_can(name: str, asked: str) -> None:
    demand, holds = ASKED[asked]
    able = [each for each in NAMES if demand.target in RUNTIMES[each].targets and holds(RUNTIMES[each].capabilities)]
    problems = [*objections(name, RUNTIMES[name], demand, DriverSet.of_classes(runtimes=RUNTIMES))]
    assert (problems == []) == (name in able)
    for problem in problems:
        assert problem.hint.endswith(f"write runtime: {' or '.join(able)}")


def test_a_runtime_of_another_target_is_refused_with_those_of_this_one() -> None:
    class Elsewhere(FakeRuntime):
        targets = frozenset({"kubernetes"})

    drivers = DriverSet.of_classes(runtimes={**RUNTIMES, "elsewhere": Elsewhere})
    (problem,) = objections("elsewhere", Elsewhere, Demand(target="local"), drivers)
    here = [name for name in RUNTIMES if "local" in RUNTIMES[name].targets]
    assert problem.hint == f"it runs on kubernetes, or write runtime: {' or '.join(here)}"
