"""Plans for a cluster: machines, nodes, runtimes, limits and the word auto."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.planning import (
    NO_SETTINGS,
    PLAIN,
    WITH_ENGINE,
    Planned,
    drivers_with,
    inference,
    required,
    tuning,
    workspace,
)

from llmwright.catalogue.catalogue import Catalogue
from llmwright.catalogue.node_labels import instance_type_of_labels, instance_type_of_node
from llmwright.errors import InvalidWorkspace, LimitExceeded, NotYet
from llmwright.plan.make import make_plan
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.drivers import OlderImage
from llmwright.settings.model import Limits, Settings
from llmwright.values.launch import SecretKey, Volume
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner
from llmwright_runtime_hf.driver import HfRuntime
from llmwright_runtime_vllm.driver import VllmRuntime
from llmwright_tuning_qlora.driver import QloraTuner

A100 = "Standard_NC24ads_A100_v4"
URL = {"urls": ["https://data.example/rows.parquet"]}
IMAGE = {"image": "registry.example/a:1", "imagePushSecret": "push"}
T4 = {"nvidia.com/gpu.product": "Tesla-T4", "nvidia.com/gpu.count": "4", "nvidia.com/gpu.memory": "16384"}


def test_the_engine_serves_where_preset_and_gpu_allow(planned: Planned) -> None:
    plan = planned(sku=A100, inference=inference("phi-4"), drivers=WITH_ENGINE)
    assert (required(plan.runtime).name, plan.nodes.count, plan.provisioner.name) == ("vllm", 1, "karpenter")
    assert required(plan.instance_type).name == A100
    assert required(plan.cost).usd_per_hour == 3.673
    assert "undated" in required(plan.cost).note
    assert "skypilot-catalog" in required(plan.cost).note


def test_the_step_that_fetches_for_the_engine_has_the_hubs_token(planned: Planned) -> None:
    preset = {"name": "phi-4", "presetOptions": {"modelAccessSecret": "hf"}}
    plan = planned(sku=A100, inference={"preset": preset}, drivers=drivers_with(vllm=VllmRuntime))
    steps = {step.name: step.env for step in required(plan.serving).prepare}
    assert steps["fetch-model"]["HF_TOKEN"] == SecretKey("hf", "HF_TOKEN")
    assert "HF_TOKEN" not in steps["engine-plugin"]


def test_without_the_engine_hf_serves_and_says_why(planned: Planned) -> None:
    assert "vllm is not installed" in required(planned(sku=A100, inference=inference("phi-4")).runtime).why


def test_upstreams_count_overrides_the_users_for_an_engine_only(planned: Planned) -> None:
    parts = {"sku": "Standard_NV36ads_A10_v5", "resource": {"count": 1}}
    spread = planned(**parts, inference=inference("phi-4"), drivers=WITH_ENGINE)
    assert (spread.nodes.count, required(spread.serving).main.argv[-1]) == (2, "1x2x1")
    assert any("resource.count says 1; 2 is what" in note for note in spread.notes)
    assert required(spread.cost).usd_per_hour == pytest.approx(6.4)
    kept = planned(sku=A100, resource={"count": 3}, inference=inference("phi-4"))
    assert kept.nodes.count == 3
    copies = planned(sku=A100, inference=inference("phi-4", replicas=3), drivers=WITH_ENGINE)
    assert copies.nodes.count == 3


@pytest.mark.parametrize(("sku", "nodes", "copies"), [(A100, 1, 1), (A100, 1, 3), ("Standard_NV36ads_A10_v5", 2, 1)])
def test_a_decided_number_of_nodes_is_that_of_all_copies(planned: Planned, sku: str, nodes: int, copies: int) -> None:
    parts = {"sku": sku, "inference": inference("phi-4", replicas=copies), "drivers": WITH_ENGINE}
    fresh = planned(**parts)
    again = planned(**parts, nodes=fresh.nodes.count)
    assert (again.nodes, again.serving, again.fits) == (fresh.nodes, fresh.serving, fresh.fits)
    assert (again.nodes.count, dict(again.fits)["serving"].nodes) == (nodes * copies, nodes)


def test_more_nodes_than_a_cluster_has_are_refused(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku=A100, resource={"count": 3}, inference=inference("phi-4", replicas=2000))
    assert (refused.value.problems[0].path, refused.value.problems[0].reason) == ("inference.replicas", "OutOfRange")
    assert "6000 nodes would be needed" in refused.value.message


A10 = "Standard_NV36ads_A10_v5"
"""It takes two of them for phi-4."""


@pytest.mark.parametrize("nodes", [None, 4])
@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("inference.replicas", {"inference": inference("phi-4", replicas=2)}),
        ("spec.replicas", {"inference": inference("phi-4"), "spec": {"replicas": 2}}),
    ],
)
def test_copies_of_a_model_that_takes_several_nodes_are_refused(
    planned: Planned, path: str, parts: dict[str, Any], nodes: int | None
) -> None:
    """Pods get their rank by their number: those of a second copy would join the first, and stand idle."""
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku=A10, drivers=WITH_ENGINE, nodes=nodes, **parts)
    problem = refused.value.problems[0]
    assert (problem.path, problem.reason) == (path, "CopiesOfGroup")
    assert "phi-4 takes 2 nodes" in problem.message
    assert "one Workspace for each copy" in problem.hint
    assert planned(sku=A10, drivers=WITH_ENGINE, inference=inference("phi-4", replicas=0)).nodes.count == 0


def test_an_older_gpu_is_warned_of_with_its_living_successor(planned: Planned) -> None:
    plan = planned(sku="Standard_NC6s_v3", tuning=tuning("phi-3-mini-128k-instruct", input=URL, output=IMAGE))
    warnings = " ".join(plan.warnings)
    assert "its successor is Standard_NC24ads_A100_v4" in warnings
    assert "no bfloat16" in warnings
    assert "the settings name no image for workload-cuda12" in warnings
    assert dict(plan.fits)["tuning"].dtype == "float16"


def test_processes_with_gpus_run_in_the_image_that_serves_them(planned: Planned) -> None:
    named = Settings(images={"workload-cuda12": "registry.example/workload-cuda12:1"})
    tuned = tuning("phi-3-mini-128k-instruct", input=URL, output=IMAGE)
    plan = planned(sku="Standard_NC6s_v3", tuning=tuned, settings=named)
    assert "only the image role workload-cuda12 (PyTorch for CUDA 12.6) serves it" in " ".join(plan.warnings)
    assert "name no image" not in " ".join(plan.warnings)
    launches = (required(plan.tuning), required(plan.serving))
    assert [launch.main.image for launch in launches] == ["workload-cuda12"] * 2
    others = {process.image for launch in launches for process in launch.processes if not process.gpus}
    assert others == {"workload"}
    newer = planned(sku=A100, tuning=tuned, settings=named)
    assert required(newer.tuning).main.image == "workload"


NEWER = OlderImage("newer", (7, 2), "a build that leaves the V100 out too")


class NewGpusOnly(HfRuntime):
    older_image = NEWER


class NewGpusOnlyTuner(QloraTuner):
    older_image = NEWER


@pytest.mark.parametrize(
    "parts",
    [{"inference": inference("phi-3-mini-4k-instruct")}, {"tuning": tuning("phi-4", input=URL, output=IMAGE)}],
    ids=["serving", "tuning"],
)
def test_a_gpu_that_no_image_serves_is_refused_with_a_machine_that_does(planned: Planned, parts: Any) -> None:
    drivers = DriverSet.of_classes(
        provisioners={"karpenter": KarpenterProvisioner},
        runtimes={"hf": NewGpusOnly},
        tuners={"qlora": NewGpusOnlyTuner},
    )
    with pytest.raises(InvalidWorkspace) as refused:
        planned(sku="Standard_NC6s_v3", drivers=drivers, **parts)
    (problem,) = refused.value.problems
    assert (problem.path, problem.reason) == ("resource.instanceType", "GpuTooOld")
    assert "NVIDIA V100 has compute capability 7.0, and the images of" in problem.message
    assert "would do" in problem.hint


def test_tuning_on_a_cluster_pulls_the_adapter_from_where_it_was_pushed(planned: Planned) -> None:
    plan = planned(sku=A100, tuning=tuning("phi-3-mini-4k-instruct", input=URL, output=IMAGE))
    assert [process.name for process in required(plan.tuning).processes] == ["fetch-data", "tune", "pack", "push"]
    assert "--allow-local" not in required(plan.tuning).prepare[0].argv
    assert [process.name for process in required(plan.serving).processes] == ["pull-ws", "serve"]
    logins = Volume(name="docker-config-ws-inference-adapter", kind="secret", source=("push",))
    assert logins in required(plan.serving).volumes
    claim = {"persistentVolumeClaim": {"claimName": "c"}}
    kept = planned(sku=A100, tuning=tuning("phi-3-mini-4k-instruct", input=URL, output={"volumeSource": claim}))
    assert [process.name for process in required(kept.tuning).processes] == ["fetch-data", "tune"]
    assert Volume(name="results", kind="volume_source", source=claim) in required(kept.serving).volumes
    assert not required(kept.serving).prepare


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


def test_strength_is_for_runtimes_that_know_it(planned: Planned) -> None:
    adapter = {"source": {"name": "a", "image": "r.example/a:1"}, "strength": "0.5"}
    parts = {"sku": A100, "inference": inference("phi-4", adapters=[adapter]), "drivers": WITH_ENGINE}
    assert required(planned(**parts).runtime).name == "hf"
    named = inference("phi-4", adapters=[adapter], runtime="vllm")
    with pytest.raises(InvalidWorkspace, match="has no adapter strength"):
        planned(**{**parts, "inference": named})


def test_the_base_is_called_as_upstream_calls_it(planned: Planned) -> None:
    labels = {"inferenceset.kaito.sh/created-by": "many"}
    plan = planned(sku=A100, inference=inference("phi-4"), metadata={"labels": labels})
    assert plan.served_names == ("many",)
    roles = {**labels, "multiroleinference.kaito.sh/created-by": "roles"}
    assert planned(sku=A100, inference=inference("phi-4"), metadata={"labels": roles}).served_names == ("phi-4",)


def test_the_time_to_start_may_be_set(planned: Planned) -> None:
    plan = planned(sku=A100, inference=inference("phi-4"), settings=Settings(readiness_timeout=65))
    assert required(required(plan.serving).main.startup).failure_threshold == 7


def test_inputs_change_with_what_the_user_wrote_and_nothing_else(planned: Planned) -> None:
    base = planned(sku=A100, inference=inference("phi-4"))
    assert planned(sku=A100, inference=inference("phi-4"), settings=Settings(preflight=False)).inputs == base.inputs
    assert planned(sku=A100, inference=inference("phi-4", adapters=[])).inputs == base.inputs
    assert planned(sku=A100, inference=inference("phi-4", runtime="hf")).inputs != base.inputs
    annotated = {"annotations": {"kaito.sh/runtime": "hf"}}
    assert planned(sku=A100, inference=inference("phi-4"), metadata=annotated).inputs != base.inputs
    config = inference("phi-4", config="c")
    one, two = (planned(sku=A100, inference=config, files={"c": {"inference_config.yaml": text}}) for text in "ab")
    assert one.inputs != two.inputs
    assert replace(one, inputs=two.inputs) == two


def test_each_process_sees_its_own_secrets_only(planned: Planned) -> None:
    adapters = [
        {"source": {"name": name, "image": f"r.example/{name}:1", "imagePullSecrets": [f"key-{name}"]}}
        for name in ("one", "two")
    ]
    plan = planned(sku=A100, inference={**inference("phi-3-mini-4k-instruct"), "adapters": adapters})
    logins = {volume.name: volume.source for volume in required(plan.serving).volumes if volume.kind == "secret"}
    assert logins == {
        "docker-config-one-inference-adapter": ("key-one",),
        "docker-config-two-inference-adapter": ("key-two",),
    }
    for process in required(plan.serving).prepare:
        adapter = process.name.removeprefix("pull-")
        mounted = [mount.volume for mount in process.mounts if mount.volume in logins]
        assert mounted == [f"docker-config-{adapter}-inference-adapter"]


def test_a_settled_number_of_machines_does_not_move(catalogue: Catalogue) -> None:
    written = workspace(resource={"instanceType": A100}, inference=inference("phi-4"))
    facts: dict[str, Any] = {
        "catalogue": catalogue,
        "drivers": WITH_ENGINE,
        "settings": NO_SETTINGS,
        "target": "kubernetes",
    }
    assert make_plan(written, **facts).nodes.count == 1
    plan = make_plan(written, **facts, nodes=3)
    assert plan.nodes.count == 3
    assert dict(plan.fits)["serving"].pipeline_parallel == 3


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
