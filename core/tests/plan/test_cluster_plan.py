"""Plans for a cluster: runtimes, nodes and copies, logins, and what a change of the Workspace changes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from tests.support.planning import (
    NO_SETTINGS,
    WITH_ENGINE,
    Planned,
    drivers_with,
    inference,
    required,
    tuning,
    workspace,
)

from llmwright.catalogue.catalogue import Catalogue
from llmwright.errors import InvalidWorkspace
from llmwright.plan.make import make_plan
from llmwright.settings.model import Settings
from llmwright.values.launch import SecretKey, Volume
from llmwright_runtime_vllm.driver import VllmRuntime

A100 = "Standard_NC24ads_A100_v4"
URL = {"urls": ["https://data.example/rows.parquet"]}
IMAGE = {"image": "registry.example/a:1", "imagePushSecret": "push"}


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
