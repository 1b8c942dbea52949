"""Adapters in a plan: their templates, end tokens and ranks, by the runtime that serves them."""

from __future__ import annotations

from typing import Any

import pytest
from tests.support.planning import PLAIN, WITH_ENGINE, Planned, drivers_with, inference, required, tuning

from llmwright.plugins.driver_set import DriverSet
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_runtime_vllm.driver import VllmRuntime

A100 = "Standard_NC24ads_A100_v4"
IMAGE = {"image": "registry.example/a:1", "imagePushSecret": "push"}


def test_the_engine_serves_a_tuned_adapter_with_its_own_template(planned: Planned) -> None:
    own = tuning("phi-4", methodConfig={"model": {"chat_template": "{{ messages }}"}}, output=IMAGE)
    vllm = drivers_with(vllm=VllmRuntime)
    plan = planned(sku=A100, tuning=own, drivers=vllm)
    assert required(plan.runtime).name == "vllm"
    assert "--chat-template=$(volume.results)/chat_template.jinja" in required(plan.serving).main.argv
    assert any("phi-4 answers with the adapter's too" in note for note in plan.notes)
    # Tuned with the tokenizer's own template, it is not served with another one that the preset names for the engine.
    bases = planned(sku=A100, tuning=tuning("phi-4-mini-instruct", output=IMAGE), drivers=vllm)
    assert not [part for part in required(bases.serving).main.argv if part.startswith("--chat-template")]
    assert any("the chat template of the model's tokenizer" in note for note in bases.notes)


def test_the_engine_stops_where_a_tuned_adapter_ends_its_answers(planned: Planned) -> None:
    plan = planned(sku=A100, tuning=tuning("phi-4", output=IMAGE), drivers=drivers_with(vllm=VllmRuntime))
    assert "--generation-config=$(volume.results)" in required(plan.serving).main.argv


def test_an_image_without_what_its_adapter_is_served_with_is_not_taken(planned: Planned) -> None:
    """An early version pushed none: the engine ends with other words, a server answers with the base's template."""

    def expected(**drivers: Any) -> list[str]:
        own = tuning("phi-4", methodConfig={"model": {"chat_template": "{{ messages }}"}}, output=IMAGE)
        plan = planned(sku=A100, tuning=own, drivers=drivers_with(**drivers))
        argv = next(process.argv for process in required(plan.serving).prepare if "pull" in process.argv)
        return [argv[index + 1] for index, part in enumerate(argv) if part == "--expect"]

    assert expected(vllm=VllmRuntime) == ["chat_template.jinja", "generation_config.json"]


@pytest.mark.parametrize(("lora", "flag"), [({"r": 16}, []), ({"r": 16, "init_lora_weights": "pissa"}, ["32"])])
def test_the_engine_loads_a_tuned_adapter_of_any_rank(planned: Planned, lora: dict[str, Any], flag: list[str]) -> None:
    own = tuning("phi-4", methodConfig={"lora": lora}, method="lora", output=IMAGE)
    plan = planned(sku=A100, tuning=own, drivers=drivers_with(vllm=VllmRuntime))
    argv = required(plan.serving).main.argv
    assert [part.partition("=")[2] for part in argv if part.startswith("--max-lora-rank")] == flag


def test_a_plan_says_that_an_engine_reads_no_template_beside_an_adapter(planned: Planned) -> None:
    adapters = [{"source": {"name": "polite", "image": "registry.example/polite:1"}}]
    for drivers, says in ((WITH_ENGINE, 1), (PLAIN, 0)):
        plan = planned(sku=A100, inference=inference("phi-4", adapters=adapters), drivers=drivers)
        assert sum("the base's chat template" in note for note in plan.notes) == says


def test_a_plan_says_how_each_of_several_adapters_is_served(planned: Planned) -> None:
    """An engine with one template and one set of end tokens gives all of them the base's."""
    adapters = [{"source": {"name": name, "image": f"registry.example/{name}:1"}} for name in ("polite", "brief")]
    alone = DriverSet.of_classes(provisioners={"karpenter": KarpenterProvisioner}, runtimes={"vllm": VllmRuntime})
    for drivers, instead in (
        (drivers_with(vllm=VllmRuntime), "inference.runtime: hf answers for each with its own"),
        (alone, "no runtime here reads them"),
    ):
        plan = planned(sku=A100, inference=inference("phi-4", adapters=adapters, runtime="vllm"), drivers=drivers)
        (note,) = [note for note in plan.notes if "chat template" in note]
        assert "polite, brief answer with the base's chat template and stop at the base's end tokens" in note
        assert instead in note
        argv = required(plan.serving).main.argv
        assert not [part for part in argv if part.startswith(("--chat-template", "--generation-config"))]
