"""Copies that a runtime itself starts on one machine: each is judged on its share of it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.planning import GIB, HERE, Engine, Planned, drivers_with, inference, required

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.drivers import Capabilities
from llmwright.values.copies import Copies
from llmwright.values.instance_type import InstanceType
from llmwright.values.plan import Plan

SMALL = replace(HERE, cpus=4, memory_bytes=3 * GIB)
GPUS = replace(HERE, gpus=4, gpu_model="L4", gpu_memory_bytes=24 * GIB, compute_capability=(8, 9))
MOST = "inference.autoscaling.maxReplicas"


class Alive(Engine):
    """Moves its copies itself, on this machine too."""

    targets = frozenset({"kubernetes", "local"})
    capabilities = Capabilities(scales_itself=True, cpu=True)


class Alone(Alive):
    """Serves one copy."""

    capabilities = Capabilities(cpu=True)


DRIVERS = drivers_with(alive=Alive, alone=Alone)


def served(planned: Planned, machine: InstanceType, most: int, runtime: str = "alive", **more: Any) -> Plan:
    part = inference("demo", runtime=runtime, autoscaling={"minReplicas": 0, "maxReplicas": most}, **more)
    return planned(inference=part, drivers=DRIVERS, machine=machine)


def test_each_copy_has_its_share_of_memory(planned: Planned) -> None:
    whole, half = (dict(served(planned, SMALL, most).fits)["serving"] for most in (1, 2))
    assert half.budget_bytes == whole.budget_bytes // 2
    assert half.copies == Copies(lowest=0, highest=2, start=1)
    assert dict(served(planned, SMALL, 2, "alone").fits)["serving"].budget_bytes == whole.budget_bytes


@pytest.mark.parametrize("part", [{"autoscaling": {"maxReplicas": 9}}, {"replicas": 9}])
def test_copies_that_do_not_fit_together_are_refused(planned: Planned, part: dict[str, Any]) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        planned(inference=inference("demo", runtime="alive", **part), drivers=DRIVERS, machine=SMALL)
    (problem,) = refused.value.problems
    path = MOST if "autoscaling" in part else "inference.replicas"
    assert (problem.path, problem.reason) == (path, "DoesNotFit")
    assert "each of 9 copies of demo" in problem.message
    assert "fewer" in problem.hint


def test_each_copy_has_whole_gpus(planned: Planned) -> None:
    assert [dict(served(planned, GPUS, most).fits)["serving"].gpus for most in (1, 2, 3, 4)] == [4, 2, 1, 1]
    with pytest.raises(InvalidWorkspace) as refused:
        served(planned, GPUS, 5)
    (problem,) = refused.value.problems
    assert (problem.path, problem.reason) == (MOST, "DoesNotFit")
    assert "at most 4" in problem.hint


def test_the_plan_is_about_one_machine(planned: Planned) -> None:
    plan = served(planned, SMALL, 2)
    scaling = required(plan.scaling)
    assert (plan.nodes.count, plan.nodes.instance_type) == (1, SMALL)
    assert (scaling.by, scaling.lowest.copies, scaling.highest.copies) == ("runtime", 0, 2)
    assert (scaling.lowest.nodes, scaling.highest.nodes, plan.cost) == (1, 1, None)
    assert any("2 copies" in note for note in plan.notes)


def test_more_copies_than_processors_are_warned_of(planned: Planned) -> None:
    assert not [line for line in served(planned, replace(HERE, cpus=4), 4).warnings if "processors" in line]
    (warning,) = (line for line in served(planned, HERE, 4).warnings if "processors" in line)
    assert "4 copies" in warning
    assert "2 processors" in warning


def test_no_copy_is_planned_as_one(planned: Planned) -> None:
    part = inference("demo", runtime="alive", replicas=0)
    assert dict(planned(inference=part, drivers=DRIVERS, machine=SMALL).fits)["serving"].fits
