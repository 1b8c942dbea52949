"""``instanceType: auto`` on the packaged presets and machines: plans that a practitioner would sign."""

from __future__ import annotations

import pytest
from tests.support.planning import Planned, drivers_with, inference, required, tuning

from llmwright.errors import InvalidWorkspace
from llmwright.plugins.driver_set import DriverSet
from llmwright.settings.model import Limits, Settings
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_runtime_vllm.driver import VllmRuntime
from llmwright_tuning_qlora.driver import QloraTuner

A100 = "Standard_NC24ads_A100_v4"
REAL = drivers_with(vllm=VllmRuntime)
ENGINE_ONLY = DriverSet.of_classes(
    provisioners={"karpenter": KarpenterProvisioner}, runtimes={"vllm": VllmRuntime}, tuners={"qlora": QloraTuner}
)
URL = {"urls": ["https://example.com/data.jsonl"]}
IMAGE = {"image": "registry.example/a:1", "imagePushSecret": "push"}


@pytest.mark.parametrize(
    ("preset", "machine", "nodes"),
    [
        ("llama-3.3-70b-instruct", "Standard_NC80adis_H100_v5", 1),
        ("qwen3.6-27b", "Standard_NC24ads_A100_v4", 1),
        ("deepseek-r1-0528", "Standard_ND96isr_H100_v5", 2),
        ("gpt-oss-20b", "Standard_NC24ads_A100_v4", 1),
    ],
)
def test_models_that_were_spread_over_many_small_gpus(planned: Planned, preset: str, machine: str, nodes: int) -> None:
    spec = {"preset": {"name": preset, "presetOptions": {"modelAccessSecret": "hub"}}}
    plan = planned(sku="auto", inference=spec, drivers=REAL)
    assert (required(plan.instance_type).name, plan.nodes.count) == (machine, nodes)


def test_one_node_comes_before_several_and_whole_options_before_those_with_drawbacks(planned: Planned) -> None:
    options = required(planned(sku="auto", inference=inference("qwen3.6-27b"), drivers=REAL).ranking).options
    whole = [option for option in options if not option.drawbacks]
    assert options[: len(whole)] == tuple(whole)
    assert [option.nodes > 1 for option in whole] == sorted(option.nodes > 1 for option in whole)


def test_a_dearer_hour_must_earn_its_price(planned: Planned) -> None:
    """An H100 gives a token for 7 % less than an A100, by an estimate: the cheaper hour is taken."""
    options = required(planned(sku="auto", inference=inference("qwen3.6-27b"), drivers=REAL).ranking).options
    by_name = {option.name: option for option in options}
    a100, h100 = by_name[A100], by_name["Standard_NC40ads_H100_v5"]
    assert required(h100.usd_per_million_tokens) < required(a100.usd_per_million_tokens)
    assert options.index(a100) < options.index(h100)


def test_number_formats_are_taken_where_the_gpu_has_them(planned: Planned) -> None:
    options = required(planned(sku="auto", inference=inference("deepseek-r1-0528"), drivers=REAL).ranking).options
    assert "H100" in options[0].name
    emulated = [option.name for option in options if "number format" in " ".join(option.drawbacks)]
    assert emulated
    assert all("A100" in name or "A10" in name for name in emulated)


def test_a_pipeline_has_no_more_stages_than_the_model_has_layers(planned: Planned) -> None:
    small = {"sku": "Standard_NC4_A2", "settings": Settings(cloud="arc")}
    with pytest.raises(InvalidWorkspace, match="63 pipeline stages are more than the 61 layers of deepseek-r1-0528"):
        planned(**small, inference=inference("deepseek-r1-0528"), drivers=REAL)


@pytest.mark.parametrize(
    ("preset", "machine", "spread"),
    [
        ("phi-4", "g5.12xlarge", (2, 2, 1)),
        ("phi-4", "p4d.24xlarge", (2, 1, 4)),
        ("phi-4", "Standard_ND96asr_A100_v4", (2, 1, 4)),
        ("qwen2.5-coder-7b-instruct", "g5.48xlarge", (4, 1, 2)),
        ("qwen3.6-27b", "g5.48xlarge", (8, 1, 1)),
        ("llama-3.3-70b-instruct", "g5.48xlarge", (8, 1, 1)),
    ],
)
def test_heads_divide_over_the_gpus_that_share_a_layer(
    planned: Planned, preset: str, machine: str, spread: tuple[int, int, int]
) -> None:
    spec = {"preset": {"name": preset, "presetOptions": {"modelAccessSecret": "hub"}}}
    cloud = "azure" if machine.startswith("Standard_") else "aws"
    (_, fit), *_ = planned(sku=machine, inference=spec, drivers=REAL, settings=Settings(cloud=cloud)).fits
    assert (fit.tensor_parallel, fit.pipeline_parallel, fit.data_parallel) == spread


def test_a_model_of_no_stages_whose_heads_do_not_divide_is_refused(planned: Planned) -> None:
    """71 heads: an engine that shares them among 4 GPUs would end when it loads the model."""
    spec = inference("falcon-7b", runtime="vllm")
    with pytest.raises(InvalidWorkspace, match="heads of falcon-7b do not divide over 4 GPUs"):
        planned(sku="g5.12xlarge", inference=spec, drivers=REAL, settings=Settings(cloud="aws"))
    named = required(planned(sku="auto", inference=spec, drivers=REAL, settings=Settings(cloud="aws")).ranking)
    assert named.options[0].gpus == 1
    assert "do not divide" in named.refused["g5.12xlarge"]


def test_a_little_less_for_a_token_does_not_buy_four_times_the_hour(planned: Planned) -> None:
    """Eight A100 give a token for a quarter less than four A10G, by an estimate whose error is larger."""
    plan = planned(sku="auto", inference=inference("qwen3.6-27b"), drivers=REAL, settings=Settings(cloud="aws"))
    assert required(plan.instance_type).name == "g5.12xlarge"


def test_a_machine_that_holds_short_rows_only_comes_after_those_that_hold_longer_ones(planned: Planned) -> None:
    """24 GiB hold rows of 512 tokens beside a model of 32B parameters: most data sets would be refused there."""
    spec = tuning("qwen2.5-coder-32b-instruct", input=URL, output=IMAGE)
    options = required(planned(sku="auto", drivers=REAL, tuning=spec, settings=Settings(cloud="aws")).ranking).options
    short = [option.name for option in options if "rows must be short" in option.drawbacks]
    assert "g6.xlarge" in short
    assert options[0].name not in short


def test_the_engine_is_not_taken_on_a_gpu_that_its_image_leaves_out(planned: Planned) -> None:
    plan = planned(sku="Standard_NC4as_T4_v3", inference=inference("phi-3-mini-4k-instruct"), drivers=REAL)
    assert required(plan.runtime).name == "hf"
    assert "NVIDIA T4 has compute capability 7.5, and vllm needs 8.0" in required(plan.runtime).why
    named = inference("phi-3-mini-4k-instruct", runtime="vllm")
    with pytest.raises(InvalidWorkspace, match=r"compute capability 7\.5, and vllm needs 8\.0") as caught:
        planned(sku="Standard_NC4as_T4_v3", inference=named, drivers=REAL)
    assert "write runtime: hf" in caught.value.problems[0].hint
    assert "1 x Standard_NC24ads_A100_v4 would do, 3.673 USD/hour" in caught.value.problems[0].hint


def test_limits_keep_dear_machines_out(planned: Planned) -> None:
    settings = Settings(limits=Limits(usd_per_hour=4))
    plan = planned(sku="auto", inference=inference("qwen3.6-27b"), drivers=REAL, settings=settings)
    assert required(plan.instance_type).name == A100
    assert "more than the 4 allowed" in required(plan.ranking).refused["Standard_NC40ads_H100_v5"]


def test_tuning_fits_and_serving_does_not_so_the_machine_is_given_back(planned: Planned) -> None:
    parts = {"tuning": tuning("qwen2.5-coder-32b-instruct", input=URL, output=IMAGE)}
    plan = planned(sku=A100, drivers=ENGINE_ONLY, **parts)
    assert plan.serving is None
    assert any("given back after tuning: tuning holds 1 machines, and serving" in line for line in plan.warnings)
    asked = {"tuning": {**parts["tuning"], "onSuccess": "serve"}}
    with pytest.raises(InvalidWorkspace, match="tuning holds 1 machines"):
        planned(sku=A100, drivers=ENGINE_ONLY, **asked)


def test_tuning_is_ranked_by_its_own_speed_and_prefers_machines_that_serve_the_result(planned: Planned) -> None:
    plan = planned(sku="auto", drivers=REAL, tuning=tuning("phi-4", input=URL, output=IMAGE))
    options = required(plan.ranking).options
    assert plan.serving is not None
    assert options[0].tokens_per_s > 0


LISTED = "Standard_NC40ads_H100_v5, standard_nc24ads_a100_v4, Standard_NC4as_T4_v3, Standard_Nope"


def test_a_list_is_tried_in_the_order_in_which_it_is_written(planned: Planned) -> None:
    plan = planned(sku=LISTED, inference=inference("qwen3.6-27b"), drivers=REAL)
    assert required(plan.instance_type).name == "Standard_NC40ads_H100_v5"
    assert plan.nodes.instance_type_name == "Standard_NC40ads_H100_v5"
    assert plan.alternatives == (A100,)
    refused = required(plan.ranking).refused
    assert "no such instance type" in refused["Standard_Nope"]
    assert refused["Standard_NC4as_T4_v3"]
    assert any("the next is tried: Standard_NC24ads_A100_v4" in note for note in plan.notes)


def test_a_list_of_which_nothing_would_do_is_refused_with_every_reason(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace, match="no instance type is left to choose: Standard_Nope: no such") as caught:
        planned(sku="Standard_NC4as_T4_v3, Standard_Nope", inference=inference("qwen3.6-27b"), drivers=REAL)
    assert "Standard_NC4as_T4_v3: " in str(caught.value)


def test_of_many_reasons_each_kind_is_told_once_by_the_machine_that_is_nearest(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        planned(
            sku="auto", inference=inference("phi-4"), drivers=REAL, settings=Settings(limits=Limits(usd_per_hour=1))
        )
    message = caught.value.problems[0].message
    assert f"{A100}: 3.673 USD per hour are more than the 1 allowed in namespace default (and 12 more)" in message
    assert message.count("USD per hour") == 1
    assert len(message) < 1000


@pytest.mark.parametrize("sku", ["auto", A100, f"{A100}, Standard_NC40ads_H100_v5"])
def test_a_context_above_the_model_s_own_is_no_fault_of_the_machines(planned: Planned, sku: str) -> None:
    with pytest.raises(InvalidWorkspace, match="1000000 tokens are more than the 16384 of phi-4") as caught:
        planned(sku=sku, inference=inference("phi-4", runtimeConfig={"maxModelLen": 1_000_000}), drivers=REAL)
    assert caught.value.problems[0].path == "inference.runtimeConfig"


def test_one_machine_is_named_where_several_of_a_type_are_wanted(planned: Planned) -> None:
    """KAITO's formula wants nine machines of one A10 for 131,072 tokens, at 28.80 USD per hour."""
    preset = {"name": "llama-3.1-8b-instruct", "presetOptions": {"modelAccessSecret": "hub"}}
    spec = {"preset": preset, "runtimeConfig": {"maxModelLen": 131072}}
    sentence = f"1 x {A100} would do in place of 9 x Standard_NV36ads_A10_v5, 3.673 USD/hour"
    assert sentence in planned(sku="Standard_NV36ads_A10_v5", inference=spec, drivers=REAL).warnings
    assert not any("in place of" in line for line in planned(sku="auto", inference=spec, drivers=REAL).warnings)
    assert not any("in place of" in line for line in planned(sku=A100, inference=spec, drivers=REAL).warnings)


def test_what_auto_would_choose_next_is_kept_and_a_retired_type_is_not_among_it(planned: Planned) -> None:
    settings = Settings(images={"workload-cuda12": "registry.example/w:1"})
    model = inference("phi-3-mini-4k-instruct", runtime="hf")
    plan = planned(sku="auto", inference=model, drivers=REAL, settings=settings)
    ranking = required(plan.ranking)
    assert plan.alternatives[0] == ranking.options[1].name
    assert 1 < len(plan.alternatives) <= 8
    retired = {option.name for option in ranking.options if "it is retired" in option.drawbacks}
    assert retired
    assert not retired & set(plan.alternatives)


def test_the_list_may_stand_in_the_settings(planned: Planned) -> None:
    settings = Settings(instance_type="Standard_NC40ads_H100_v5,Standard_NC24ads_A100_v4")
    plan = planned(sku="", inference=inference("phi-4"), drivers=REAL, settings=settings)
    assert (plan.nodes.instance_type_name, plan.alternatives) == ("Standard_NC40ads_H100_v5", (A100,))
