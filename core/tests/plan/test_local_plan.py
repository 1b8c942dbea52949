"""Plans for one machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.support.planning import GIB, HERE, Planned, drivers_with, inference, required, tuning

from llmwright.errors import InvalidWorkspace, PluginNotFound
from llmwright.settings.model import Settings
from llmwright.values.launch import Launch, Process, SecretKey, Volume
from llmwright.values.url_secrets import URLS_VARIABLE
from llmwright_runtime_ray.driver import RayRuntime
from llmwright_runtime_vllm.driver import VllmRuntime

REAL = drivers_with(ray=RayRuntime, vllm=VllmRuntime)


def steps(launch: Launch | None) -> list[str]:
    return [process.name for process in launch.processes] if launch else []


def argument(process: Process, flag: str) -> str:
    return process.argv[process.argv.index(flag) + 1]


def test_tuning_checks_first_then_tunes_keeps_and_serves(planned: Planned) -> None:
    plan = planned(tuning=tuning())
    assert steps(plan.preflight) == ["fetch-data", "check-data"]
    assert steps(plan.tuning) == ["tune", "pack"]
    assert steps(plan.serving) == ["serve"]
    assert plan.served_names == ("demo", "ws")
    assert (required(plan.runtime).name, required(plan.tuner).name, plan.provisioner.name) == ("hf", "qlora", "local")
    assert [role for role, _ in plan.fits] == ["tuning", "serving"]
    assert all(fit.fits for _, fit in plan.fits)
    assert plan.cost is None


def test_the_data_is_fetched_once_into_a_directory_that_tuning_shares(planned: Planned) -> None:
    plan = planned(tuning=tuning())
    assert Volume(name="data") in required(plan.preflight).volumes
    assert Volume(name="data") in required(plan.tuning).volumes
    assert "--allow-local" in required(plan.preflight).prepare[0].argv
    without = planned(tuning=tuning(), settings=Settings(preflight=False))
    assert without.preflight is None
    assert steps(without.tuning) == ["fetch-data", "tune", "pack"]


def test_the_adapter_is_served_from_where_tuning_put_it(planned: Planned) -> None:
    out = Volume(name="results", kind="volume_source", source={"hostPath": {"path": "/out"}})
    plan = planned(tuning=tuning())
    assert out in required(plan.tuning).volumes
    assert out in required(plan.serving).volumes
    assert argument(required(plan.serving).main, "--adapter") == "ws=$(volume.results)"
    assert argument(required(plan.tuning).after[0], "--reference") == "ws"
    assert any("/out" in line for line in plan.creates)


def test_an_image_is_pushed_and_the_right_to_is_asked_first(planned: Planned) -> None:
    output = {"image": "registry.example/adapters/facts:1", "imagePushSecret": "push"}
    plan = planned(tuning=tuning(output=output))
    assert steps(plan.preflight) == ["fetch-data", "check-data", "check-push"]
    assert steps(plan.tuning) == ["tune", "pack", "push"]
    assert required(plan.tuning).after[1].env["DOCKER_CONFIG"] == "$(volume.docker-config)"
    assert Volume(name="docker-config", kind="secret", source=("push",)) in required(plan.tuning).volumes
    assert steps(plan.serving) == ["serve"], "the results are still on this machine"
    own = planned(tuning=tuning(output=output), settings=Settings(docker_config=Path("/home/me/.docker")))
    assert required(own.tuning).after[1].env["DOCKER_CONFIG"] == "/home/me/.docker"


def test_release_serves_nothing(planned: Planned) -> None:
    assert planned(tuning=tuning(onSuccess="release")).serving is None
    assert planned(tuning=tuning(), settings=Settings(on_success="release")).runtime is None
    assert planned(tuning=tuning(onSuccess="serve"), settings=Settings(on_success="release")).serving is not None


def test_inference_serves_base_and_adapters(planned: Planned) -> None:
    adapters = [
        {"source": {"name": "pulled", "image": "registry.example/a:1", "imagePullSecrets": ["s"]}, "strength": "0.5"},
        {"source": {"name": "mounted", "volumeSource": {"hostPath": {"path": "/adapters/m"}}}},
        {"source": {"name": "here", "urls": ["file:///adapters/my%20own"]}},
    ]
    plan = planned(inference=inference(adapters=adapters))
    assert plan.preflight is None
    assert plan.tuning is None
    assert steps(plan.serving) == ["pull-pulled", "serve"]
    given = [part for part in required(plan.serving).main.argv if "=$(volume.adapter-" in part]
    assert given == [
        "pulled=$(volume.adapter-pulled),strength=0.5",
        "mounted=$(volume.adapter-mounted)",
        "here=$(volume.adapter-here)",
    ]
    assert Volume(name="adapter-here", kind="directory", source="/adapters/my own") in required(plan.serving).volumes
    assert plan.served_names == ("demo", "pulled", "mounted", "here")


@pytest.mark.parametrize(
    ("adapter", "path"),
    [
        ({"source": {"name": "a"}}, "inference.adapters[0].source"),
        ({"source": {"image": "r.example/a:1"}}, "inference.adapters[0].source.name"),
        ({"source": {"name": "a", "image": "r.example/a:1"}, "strength": "much"}, "inference.adapters[0].strength"),
        ({"source": {"name": "a", "image": "r.example/a:1"}, "strength": "1.5"}, "inference.adapters[0].strength"),
    ],
)
def test_adapters_that_cannot_be_used_are_told(planned: Planned, adapter: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        planned(inference=inference(adapters=[adapter]))
    assert caught.value.problems[0].path == path


def test_what_does_not_fit_this_machine_says_so_with_its_terms(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        planned(inference=inference("llama-3.3-70b-instruct"))
    (problem,) = caught.value.problems
    assert problem.reason == "DoesNotFit"
    assert "weights 263 GiB" in problem.message
    assert "nf4" in problem.hint
    with pytest.raises(InvalidWorkspace, match="tuning phi-4 does not fit local") as caught:
        planned(tuning=tuning("phi-4", method="lora"))
    assert "LoRA and optimizer" in caught.value.problems[0].message


def test_a_model_that_is_tuned_in_four_bits_is_served_so_where_it_must(planned: Planned) -> None:
    small = replace(HERE, memory_bytes=13 * GIB)
    plan = planned(tuning=tuning("phi-3-mini-128k-instruct"), machine=small)
    assert argument(required(plan.serving).main, "--quantization") == "nf4"
    assert any("is served in nf4" in note for note in plan.notes)


def test_the_context_is_cut_to_what_fits(planned: Planned) -> None:
    plan = planned(inference=inference("phi-3-mini-4k-instruct"), machine=replace(HERE, memory_bytes=20 * GIB))
    context = int(argument(required(plan.serving).main, "--max-model-len"))
    assert 2048 <= context < 4096
    assert any(f"cut to {context} tokens of 4096" in warning for warning in plan.warnings)
    asked = planned(inference=inference(runtimeConfig={"maxModelLen": 256}))
    assert argument(required(asked.serving).main, "--max-model-len") == "256"
    assert not asked.warnings


@pytest.mark.parametrize("runtime", ["hf", "ray", "vllm"])
def test_a_context_that_the_memory_does_not_hold_is_refused_before_anything_starts(
    planned: Planned, runtime: str
) -> None:
    """Whoever names it is not given a shorter one."""
    asked = inference("phi-3-mini-4k-instruct", runtime=runtime, runtimeConfig={"maxModelLen": 4096})
    with pytest.raises(InvalidWorkspace) as caught:
        planned(inference=asked, machine=replace(HERE, memory_bytes=20 * GIB), drivers=REAL)
    (problem,) = caught.value.problems
    assert problem.reason == "DoesNotFit"
    assert "KV cache" in problem.message
    assert required(planned(inference=asked, machine=replace(HERE, memory_bytes=64 * GIB), drivers=REAL).serving)


@pytest.mark.parametrize("gpus", [0, 1])
@pytest.mark.parametrize("runtime", ["hf", "ray", "vllm"])
def test_a_model_that_this_machine_does_not_hold_waits_for_no_other(planned: Planned, runtime: str, gpus: int) -> None:
    """An engine that spreads over machines would wait here for one that never comes."""
    card: dict[str, Any] = {"gpu_model": "L4", "gpu_memory_bytes": 24 * GIB, "compute_capability": (8, 9)}
    machine = replace(HERE, memory_bytes=64 * GIB, gpus=gpus, **(card if gpus else {}))
    with pytest.raises(InvalidWorkspace) as caught:
        planned(inference=inference("qwen2.5-coder-32b-instruct", runtime=runtime), machine=machine, drivers=REAL)
    (problem,) = caught.value.problems
    assert (problem.path, problem.reason) == ("resource", "DoesNotFit")


def test_what_one_machine_does_not_use_is_reported(planned: Planned) -> None:
    resource = {"instanceType": "Standard_NC6s_v3", "count": 3, "labelSelector": {"matchLabels": {"a": "b"}}}
    notes = " ".join(planned(inference=inference(), resource=resource).notes)
    assert all(word in notes for word in ("instanceType Standard_NC6s_v3", "count 3", "labelSelector"))


def test_the_users_config_is_mounted_and_read(planned: Planned) -> None:
    file = "training_config:\n  LoraConfig: {r: 3}\n  QuantizationConfig: {load_in_4bit: true}\n"
    files = {"mine": {"training_config.yaml": file}}
    plan = planned(tuning=tuning(config="mine"), files=files)
    assert Volume(name="config", kind="config", source="mine") in required(plan.tuning).volumes
    assert argument(required(plan.tuning).main, "--config") == "$(volume.config)/training_config.yaml"
    with pytest.raises(InvalidWorkspace) as caught:
        planned(tuning=tuning(config="mine"), files={"mine": {"training_config.yaml": "training_config: {Lora: {}}"}})
    assert caught.value.problems[0].path.startswith("training_config.yaml:training_config")


@pytest.mark.parametrize(
    ("parts", "path"),
    [
        ({"tuning": tuning(methodConfig={"max_stps": 1})}, "tuning.methodConfig.max_stps"),
        ({"tuning": tuning(methodConfig={"quantization": {"load_in_8bit": True}})}, "tuning.methodConfig"),
        ({"inference": inference(runtimeConfig={"dtyp": "auto"})}, "inference.runtimeConfig.dtyp"),
        ({"inference": inference("no-such-preset")}, "inference.preset.name"),
        ({"tuning": tuning("no-such-preset")}, "tuning.preset.name"),
        ({"inference": {"template": {"spec": {}}}}, "inference.preset"),
    ],
)
def test_mistakes_are_told_with_their_path(planned: Planned, parts: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidWorkspace) as caught:
        planned(**parts)
    assert caught.value.problems[0].path.startswith(path)


def test_a_driver_that_is_named_and_missing_is_told(planned: Planned) -> None:
    with pytest.raises(PluginNotFound):
        planned(tuning=tuning(method="galore"))
    with pytest.raises(PluginNotFound):
        planned(inference=inference(runtime="nothing"))


def test_secrets_in_the_urls_of_the_data_are_one_variable_of_its_process(planned: Planned) -> None:
    urls = ["https://u:pw@files.example/a.jsonl?sig=s1", "https://files.example/b.jsonl?download=true"]
    plan = planned(tuning=tuning(input={"urls": urls}))
    (fetch,) = required(plan.preflight).prepare
    start = fetch.argv.index("--url")
    assert fetch.argv[start + 1 : start + 3] == ("https://***@files.example/a.jsonl?sig=***", urls[1])
    assert fetch.env == {URLS_VARIABLE: SecretKey("tuning.input.urls", URLS_VARIABLE, optional=False)}
    renewed = planned(tuning=tuning(input={"urls": [urls[0].replace("s1", "s2"), urls[1]]}))
    assert renewed == plan
    assert required(planned(tuning=tuning(input={"urls": urls[1:]})).preflight).prepare[0].env == {}


def test_the_hubs_token_is_a_secret_by_name(planned: Planned) -> None:
    preset = {"name": "demo", "presetOptions": {"modelAccessSecret": "hf"}}
    plan = planned(tuning=tuning(preset=preset))
    token = SecretKey("hf", "HF_TOKEN")
    for launch in (plan.preflight, plan.tuning, plan.serving):
        assert required(launch).main.env["HF_TOKEN"] == token


def test_gated_models_and_licences_are_warned_of(planned: Planned) -> None:
    warnings = planned(
        inference=inference("llama-3.1-8b-instruct"), machine=replace(HERE, memory_bytes=64 * GIB)
    ).warnings
    assert any("is gated: set HF_TOKEN" in warning for warning in warnings)
    assert any("licence llama3.1" in warning for warning in warnings)
    assert not planned(inference=inference()).warnings


def test_the_runtime_is_named_by_workspace_annotation_settings(planned: Planned) -> None:
    assert required(planned(inference=inference(runtime="transformers")).runtime).name == "transformers"
    annotated = {"annotations": {"kaito.sh/runtime": "transformers"}}
    assert required(planned(inference=inference(), metadata=annotated).runtime).why.startswith("the annotation")
    by_settings = planned(inference=inference(), settings=Settings(runtime="hf"))
    assert required(by_settings.runtime).why == "the settings name it"


def test_every_reference_is_to_something_declared(planned: Planned) -> None:
    output = {"image": "registry.example/adapters/facts:1", "imagePushSecret": "push"}
    data = {"image": "registry.example/data:1", "imagePullSecrets": ["pull"]}
    for plan in (
        planned(tuning=tuning(output=output, input=data, config="c"), files={"c": {}}),
        planned(tuning=tuning()),
    ):
        for launch in map(required, (plan.preflight, plan.tuning, plan.serving)):
            declared = {f"$(volume.{volume.name})" for volume in launch.volumes}
            for process in launch.processes:
                words = " ".join([*process.argv, *(v for v in process.env.values() if isinstance(v, str))])
                used = {f"$(volume.{part.partition(')')[0]})" for part in words.split("$(volume.")[1:]}
                mounted = {f"$(volume.{mount.volume})" for mount in process.mounts}
                assert used <= declared
                assert used <= mounted, process.name


def test_a_text_that_no_program_can_be_started_with_is_refused(planned: Planned) -> None:
    with pytest.raises(InvalidWorkspace) as refused:
        planned(inference=inference(runtimeConfig={"chatTemplate": "x" * 131072}))
    (problem,) = refused.value.problems
    assert problem.path == "inference"
    assert problem.message.startswith("--chat-template of serve has 131072 bytes")
    planned(inference=inference(runtimeConfig={"chatTemplate": "x" * 131071}))


@pytest.mark.parametrize(
    ("names", "note"),
    [
        (("LICENSE", "test.jsonl", "train.jsonl"), "trains on train.jsonl; LICENSE, test.jsonl are left aside"),
        (("train.jsonl", "train-2.jsonl"), "trains on train-2.jsonl, train.jsonl"),
        (("rows.jsonl", "tokenizer.json"), "trains on rows.jsonl; tokenizer.json is left aside"),
        (("LICENSE",), "trains on nothing: no file of the data set has a known format; LICENSE is left aside"),
    ],
)
def test_files_that_are_known_are_told_before_training(planned: Planned, names: tuple[str, ...], note: str) -> None:
    assert note in planned(tuning=tuning(), data_names=names).notes
    assert not [line for line in planned(tuning=tuning()).notes if line.startswith("trains on")]


def test_an_engine_whose_loader_reads_other_files_says_which_are_fetched(planned: Planned) -> None:
    machine = replace(HERE, memory_bytes=64 * GIB)
    wanted = inference("mistral-7b-instruct", runtime="vllm")
    settings = Settings.model_validate({"sources": {"allow": ["10.0.0.0/8"]}})
    plan = planned(inference=wanted, machine=machine, drivers=drivers_with(vllm=VllmRuntime), settings=settings)
    (step,) = (step for step in required(plan.serving).prepare if step.name == "fetch-model")
    assert step.argv[-4:] == ("--files", "consolidated*.safetensors", "--allow", "10.0.0.0/8")
