"""A range of copies: nodes and cost at its ends, and the limits that hold for the highest number."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import WITH_ENGINE, Engine, Planned, drivers_with, inference, required

from llmwright.errors import InvalidWorkspace, LimitExceeded
from llmwright.plugins.drivers import Capabilities
from llmwright.settings.model import Limits, Settings
from llmwright.values.copies import Copies
from llmwright.values.nodes import Watch

A100, A10 = "Standard_NC24ads_A100_v4", "Standard_NV36ads_A10_v5"
"""One of the first holds phi-4; it takes two of the second."""

MOST = "inference.autoscaling.maxReplicas"


class Silent(Engine):
    """Counts nothing."""

    load_metrics = ()


class Alive(Engine):
    """Moves its copies itself."""

    capabilities = Capabilities(multi_node=True, scales_itself=True)


def ranged(least: int, most: int, **more: Any) -> dict[str, Any]:
    return inference("phi-4", autoscaling={"minReplicas": least, "maxReplicas": most}, **more)


def test_a_plan_shows_nodes_and_cost_of_the_range(planned: Planned) -> None:
    plan = planned(sku=A100, inference=ranged(1, 4), drivers=WITH_ENGINE)
    scaling = required(plan.scaling)
    assert (plan.nodes.count, required(plan.cost).usd_per_hour) == (1, 3.673)
    ends = [(end.copies, end.nodes, required(end.cost).usd_per_hour) for end in (scaling.lowest, scaling.highest)]
    assert ends == [(1, 1, 3.673), (4, 4, pytest.approx(14.692))]
    assert plan.creates[-1] == "the HorizontalPodAutoscaler ws, from 1 to 4 copies"
    assert planned(sku=A100, inference=inference("phi-4", replicas=3), drivers=WITH_ENGINE).scaling is None


def test_what_is_bought_at_first_is_within_the_range(planned: Planned) -> None:
    assert planned(sku=A100, inference=ranged(2, 4), drivers=WITH_ENGINE).nodes.count == 2
    assert planned(sku=A100, inference=ranged(2, 4, replicas=3), drivers=WITH_ENGINE).nodes.count == 3
    zero = ranged(0, 4, replicas=0)
    zero["autoscaling"] |= {"by": "keda", "activationQuery": "asked"}
    plan = planned(sku=A100, inference=zero, drivers=WITH_ENGINE)
    assert (plan.nodes.count, required(plan.scaling).lowest.nodes, required(plan.scaling).highest.nodes) == (0, 0, 4)
    assert plan.creates[-1] == "the ScaledObject ws, from 0 to 4 copies"


@pytest.mark.parametrize(
    "limits", [Limits(nodes=3), Limits(usd_per_hour=12.0), Limits(total_usd_per_hour=12.0, usd_per_hour=100.0)]
)
@pytest.mark.parametrize(
    ("path", "part"), [(MOST, ranged(1, 4)), ("inference.replicas", inference("phi-4", replicas=4))]
)
def test_limits_hold_for_the_highest_number(planned: Planned, limits: Limits, path: str, part: dict[str, Any]) -> None:
    with pytest.raises(LimitExceeded) as refused:
        planned(settings=Settings(limits=limits), sku=A100, inference=part, drivers=WITH_ENGINE)
    assert refused.value.message.startswith(f"{path}: 4 copies: ")
    assert refused.value.hint.startswith("at most 3 fit")


def test_no_number_of_copies_is_named_where_none_fits(planned: Planned) -> None:
    with pytest.raises(LimitExceeded) as refused:
        planned(
            settings=Settings(limits=Limits(usd_per_hour=1.0)), sku=A100, inference=ranged(1, 4), drivers=WITH_ENGINE
        )
    assert "copies" not in refused.value.message
    assert "fit" not in refused.value.hint


def test_more_nodes_than_a_cluster_has_are_refused_for_the_highest_number(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku=A100, resource={"count": 3}, inference=ranged(1, 2000))
    assert (refused.value.problems[0].path, refused.value.problems[0].reason) == (MOST, "OutOfRange")


def test_copies_of_a_group_are_refused_before_the_second_is_needed(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku=A10, inference=ranged(1, 2), drivers=WITH_ENGINE)
    assert (refused.value.problems[0].path, refused.value.problems[0].reason) == (MOST, "CopiesOfGroup")
    assert "runtime:" not in refused.value.problems[0].hint


def test_a_runtime_with_copies_of_groups_is_the_way(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku=A10, inference=ranged(1, 2, runtime="vllm"), drivers=drivers_with(vllm=Engine, alive=Alive))
    assert refused.value.problems[0].hint.startswith("write runtime: alive, ")


@pytest.mark.parametrize(("sku", "each"), [(A100, 1), (A10, 2)])
def test_a_runtime_that_scales_itself_gets_the_range_and_the_nodes_of_its_end(
    planned: Planned, sku: str, each: int
) -> None:
    alive = drivers_with(vllm=Alive)
    plan = planned(sku=sku, inference=ranged(1, 3), drivers=alive)
    fit = dict(plan.fits)["serving"]
    assert (plan.nodes.count, fit.nodes, fit.copies) == (3 * each, each, Copies(lowest=1, highest=3, start=1))
    scaling = required(plan.scaling)
    assert (scaling.by, scaling.lowest.nodes, scaling.highest.nodes) == ("runtime", 3 * each, 3 * each)
    assert not [line for line in plan.creates if "caler" in line]
    again = planned(sku=sku, inference=ranged(1, 3), drivers=alive, nodes=plan.nodes.count)
    assert (again.nodes.count, again.fits) == (plan.nodes.count, plan.fits)
    assert planned(sku=sku, inference=ranged(1, 3), drivers=alive, spec={"replicas": 0}).nodes.count == 0


def test_an_autoscaler_without_a_metric_is_refused_of_whichever_runtime_it_becomes(planned: Planned) -> None:
    """Kubernetes would take the use of the processor in place of no metric."""
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku=A100, inference=ranged(1, 2, runtime="vllm"), drivers=drivers_with(vllm=Silent))
    assert refused.value.problems[0].path == "inference.autoscaling.metric"


def test_the_object_of_a_runtime_s_own_kind_is_named(planned: Planned) -> None:
    class Served(Alive):
        """Is served by an object of its own."""

        serves_as = Watch(group="example.com", version="v1", plural="models")

    plan = planned(sku=A100, inference=ranged(1, 2), drivers=drivers_with(vllm=Served))
    assert "models.example.com/ws, serving phi-4" in plan.creates
