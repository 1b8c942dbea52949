"""The machines of a plan: the word auto, limits, labels of nodes, processors and partitions."""

from __future__ import annotations

import pytest
from tests.support.planning import WITH_ENGINE, Planned, inference, required

from llmwright.catalogue.node_labels import instance_type_of_labels, instance_type_of_node
from llmwright.errors import InvalidWorkspace, LimitExceeded, NotYet
from llmwright.settings.model import Limits, Settings

A100 = "Standard_NC24ads_A100_v4"
T4 = {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.count": "4", "nvidia.com/gpu.memory": "16384"}


def test_auto_takes_the_machine_of_the_cheapest_token(planned: Planned) -> None:
    older = Settings(images={"workload-cuda12": "registry.example/workload-cuda12:1"})
    plan = planned(sku="auto", inference=inference("llama-3.1-8b-instruct"), settings=older)
    ranking = required(plan.ranking)
    assert required(plan.instance_type).name == ranking.options[0].name
    by_name = {option.name: option for option in ranking.options}
    assert by_name["Standard_NC24s_v3"].drawbacks[0] == "it is retired"
    assert by_name["Standard_ND96isr_H200_v5"].drawbacks == ("its price is unknown",)
    assert "serving llama-3.1-8b-instruct does not fit" in ranking.refused["Standard_NC4as_T4_v3"]
    assert "not for AMD Radeon PRO V620" in ranking.refused["Standard_NG32ads_V620_v1"]
    by_settings = planned(sku="", inference=inference("llama-3.1-8b-instruct"), settings=Settings(instance_type="auto"))
    assert by_settings.instance_type == plan.instance_type
    assert "workload-cuda12" in required(by_settings.ranking).refused["Standard_NC24s_v3"]


def test_auto_keeps_to_the_limits(planned: Planned) -> None:
    allowed = Settings(limits=Limits(instance_types=("standard_nc40ads_h100_v5",)))
    plan = planned(sku="auto", inference=inference("llama-3.1-8b-instruct"), settings=allowed)
    assert required(plan.instance_type).name == "Standard_NC40ads_H100_v5"
    with pytest.raises(InvalidWorkspace, match="no instance type is left") as caught:
        planned(sku="auto", inference=inference("phi-4"), settings=Settings(limits=Limits(usd_per_hour=0.5)))
    assert "USD per hour are more than the 0.5 allowed" in caught.value.problems[0].message


@pytest.mark.parametrize(
    ("limits", "sku", "told"),
    [
        (Limits(instance_types=("Standard_NC40ads_H100_v5",)), A100, "is not allowed in namespace default"),
        (Limits(nodes=2), A100, "3 nodes are more than the 2 allowed"),
        (Limits(usd_per_hour=5), A100, "11.019 USD per hour are more than the 5 allowed"),
        (Limits(total_usd_per_hour=5), A100, "USD per hour are more than the 5 allowed"),
        (Limits(usd_per_hour=500), "Standard_ND96isr_H200_v5", "is unknown, which counts as over 500 USD"),
    ],
)
def test_limits_refuse(planned: Planned, limits: Limits, sku: str, told: str) -> None:
    with pytest.raises(LimitExceeded, match=told):
        planned(sku=sku, resource={"count": 3}, inference=inference("phi-4"), settings=Settings(limits=limits))


def test_a_namespace_may_have_limits_of_its_own(planned: Planned) -> None:
    settings = Settings(limits=Limits(nodes=1), namespace_limits={"large": Limits(nodes=5)})
    parts = {"sku": A100, "resource": {"count": 3}, "inference": inference("phi-4"), "settings": settings}
    assert planned(**parts, metadata={"namespace": "large"}).nodes.count == 3
    with pytest.raises(LimitExceeded):
        planned(**parts)


def test_unknown_types_and_missing_nodes_are_told(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        planned(sku="Standard_NC24ads_A100_v5", inference=inference("phi-4"))
    assert "did you mean 'Standard_NC24ads_A100_v4'?" in caught.value.problems[0].hint
    with pytest.raises(NotYet, match="no ready nodes found"):
        planned(sku="", inference=inference("phi-4"))


def test_labels_of_nodes_override_the_table(planned: Planned) -> None:
    machine = instance_type_of_labels(
        {**T4, "nvidia.com/cuda.compute.major": "7", "nvidia.com/cuda.compute.minor": "5"}
    )
    plan = planned(sku="", machine=machine, inference=inference("phi-3-mini-4k-instruct"), drivers=WITH_ENGINE)
    assert plan.provisioner.name == "byo"
    assert plan.nodes.instance_type_name == ""
    assert dict(plan.fits)["serving"].gpus == 4
    assert dict(plan.fits)["serving"].dtype == "float16"


def test_nodes_without_a_gpu_serve_on_their_processors(planned: Planned) -> None:
    offers = {"cpu": "4", "memory": "32Gi"}
    machine = instance_type_of_node({"nvidia.com/gpu.present": "false"}, offers)
    plan = planned(sku="", machine=machine, inference=inference("phi-3-mini-4k-instruct"))
    assert required(plan.instance_type).name == "processor"
    assert required(plan.runtime).name == "hf"
    assert required(plan.serving).main.gpus == 0
    assert required(plan.cost).usd_per_hour is None
    small = instance_type_of_node({"nvidia.com/gpu.present": "false"}, {**offers, "memory": "4Gi"})
    with pytest.raises(InvalidWorkspace, match="does not fit"):
        planned(sku="", machine=small, inference=inference("phi-3-mini-4k-instruct"))


def test_partitions(planned: Planned) -> None:
    machine = instance_type_of_labels(T4)
    part = {"mode": "accelerator", "count": 1}
    shared = planned(
        sku="", machine=machine, resource={"partition": part}, inference=inference("phi-3-mini-4k-instruct")
    )
    assert dict(shared.fits)["serving"].gpus == 1
    assert any("3 of 4 GPUs of the node are left" in note for note in shared.notes)
    with pytest.raises(InvalidWorkspace, match=r"partition\.count \(5\) exceeds"):
        planned(sku="", machine=machine, resource={"partition": {**part, "count": 5}}, inference=inference("phi-4"))
    mig = {"mode": "mig", "profile": "2g.24gb"}
    cut = planned(
        sku="", resource={"partition": mig}, inference=inference("phi-3-mini-4k-instruct"), drivers=WITH_ENGINE
    )
    assert required(cut.instance_type).name == "2g.24gb"
    with pytest.raises(InvalidWorkspace, match="unknown MIG profile"):
        planned(sku="", resource={"partition": {**mig, "profile": "bogus"}}, inference=inference("phi-4"))
