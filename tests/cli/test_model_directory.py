"""A model's directory, wherever a preset or a model of the hub can be named."""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.cli.test_bad_input import SERVE, TUNE_WITHOUT_INPUT, Write
from tests.support.command import Run

import llmwright

CONFIG = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "dtype": "bfloat16",
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_attention_heads": 4,
    "num_hidden_layers": 3,
    "max_position_embeddings": 256,
    "vocab_size": 100,
}


@pytest.fixture
def model(here: Path) -> Path:
    """The directory ``my-model`` as ``save_pretrained`` writes it: 60 weights, a context of 256 tokens."""
    return write_model(here / "my-model")


def write_model(directory: Path, config: Mapping[str, Any] = CONFIG) -> Path:
    directory.mkdir()
    header = json.dumps({"w": {"dtype": "BF16", "shape": [10, 6], "data_offsets": [0, 120]}}).encode()
    (directory / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(120))
    for name in ("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"):
        (directory / name).write_text(json.dumps(config if name == "config.json" else {"version": "1.0"}))
    return directory


def plan_of(out: str) -> dict[str, Any]:
    plan: dict[str, Any] = json.loads(out)
    return plan


@pytest.mark.parametrize("name", ["my-model", "./my-model", "../work/my-model/"])
def test_a_directory_is_served_as_a_model_of_the_hub_is(name: str, model: Path, run: Run) -> None:
    printed = yaml.safe_load(run("run", name, "--print-yaml").out)
    assert printed["metadata"] == {"name": "my-model"}
    assert printed["inference"] == {"preset": {"name": model.as_uri()}}
    plan = plan_of(run("plan", "-f", name, "-o", "json").out)
    assert (plan["workspace"], plan["preset"]) == ("my-model", "my-model")
    assert run("check", "-f", name).code == 0


@pytest.mark.parametrize(
    "name", ["./my-model", "../yaml/my-model", "ABSOLUTE", "URI", "file:my-model", "file:./my-model"]
)
@pytest.mark.parametrize("text", [SERVE, TUNE_WITHOUT_INPUT + "    urls: [rows.jsonl]\n"], ids=["serve", "tune"])
def test_a_yaml_names_it_from_its_own_directory(name: str, text: str, here: Path, run: Run, written: Write) -> None:
    (here / "yaml").mkdir()
    directory = write_model(here / "yaml" / "my-model")
    written('{"text": "a"}\n', "yaml/rows.jsonl")
    name = {"ABSOLUTE": str(directory), "URI": directory.as_uri()}.get(name, name)
    file = written(text.replace("demo", name), "yaml/workspace.yaml")
    ran = run("plan", "-f", file, "-o", "json")
    assert ran.code == 0, ran
    assert plan_of(ran.out)["preset"] == "my-model"
    assert run("check", "-f", file).code == 0


def test_the_python_api_takes_it_too(model: Path) -> None:
    for source in ("./my-model", str(model), model):
        assert llmwright.plan(source).preset == "my-model"


def test_a_name_of_several_words_is_one_that_a_workspace_can_have(here: Path, run: Run) -> None:
    write_model(here / "My model_v2")
    assert yaml.safe_load(run("run", "My model_v2", "--print-yaml").out)["metadata"] == {"name": "my-model-v2"}
    assert run("check", "-f", "My model_v2").code == 0


@pytest.mark.parametrize("name", ["./my-model", "URI", "ABSOLUTE", "~/my-model"])
def test_a_cluster_has_no_directory_of_this_machine(name: str, model: Path, run: Run, written: Write) -> None:
    name = {"ABSOLUTE": str(model), "URI": model.as_uri()}.get(name, name)
    text = SERVE.replace("labelSelector", "instanceType: Standard_NC24ads_A100_v4\n  labelSelector").replace(
        "demo", name
    )
    ran = run("check", "-f", written(text), "--target", "kubernetes")
    assert ran.code == 2
    (error,) = [line for line in ran.out.splitlines() if line.startswith("error:")]
    assert f"inference.preset.name: {name} is a directory of one machine" in error
    assert "oci://" in error


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        pytest.param("config.json", "config.json is not there", id="no config"),
        pytest.param("model.safetensors", "holds no safetensors weights", id="no weights"),
    ],
)
@pytest.mark.parametrize("verb", [("run",), ("check", "-f"), ("plan", "-f")], ids=lambda verb: verb[0])
def test_an_incomplete_model_is_one_error(
    verb: tuple[str, ...], missing: str, words: str, model: Path, run: Run
) -> None:
    (model / missing).unlink()
    ran = run(*verb, "./my-model")
    assert ran.code == 2
    assert (ran.out + ran.err).count(words) == 1
    assert (ran.out + ran.err).count("rror:") == 1


def test_an_adapter_is_no_model(model: Path, run: Run) -> None:
    (model / "config.json").rename(model / "adapter_config.json")
    (model / "model.safetensors").rename(model / "adapter_model.safetensors")
    ran = run("run", "./my-model")
    assert ran.code == 2
    assert "holds a LoRA adapter, and no model: config.json is missing" in ran.err
    assert "inference.adapters" in ran.err


@pytest.mark.parametrize("name", ["Mein Modell (v2) é", "gemma-3_27b.it", "..v1"])
def test_any_name_of_a_directory_gives_a_name_of_a_workspace(name: str, here: Path, run: Run) -> None:
    write_model(here / name)
    assert run("check", "-f", f"./{name}").code == 0


def test_checkpoints_below_a_directory_are_named(here: Path, run: Run) -> None:
    (here / "out").mkdir()
    for name in ("checkpoint-100", "checkpoint-200"):
        write_model(here / "out" / name)
    ran = run("run", "./out")
    assert ran.code == 2
    assert "models are below it: name one, as out/checkpoint-200" in ran.err


def test_an_empty_directory_is_neither(here: Path, run: Run) -> None:
    (here / "empty").mkdir()
    ran = run("run", "./empty")
    assert ran.code == 2
    assert "directory empty holds no Workspace and no model" in ran.err
    assert "config.json" in ran.err


def test_a_directory_that_is_not_there(run: Run, written: Write) -> None:
    ran = run("check", "-f", written(SERVE.replace("demo", "./nowhere")))
    assert ran.code == 2
    assert "9:5" in ran.out
    assert f"{os.sep}nowhere is not there" in ran.out


def test_a_home_directory_that_is_not_there(run: Run, written: Write) -> None:
    ran = run("check", "-f", written(SERVE.replace("demo", "~nosuchuser/model")))
    assert ran.code == 2
    assert "9:5: inference.preset.name: '~nosuchuser/model' names no directory" in ran.out


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "a.yaml"])
def test_a_directory_of_workspaces_stays_one(name: str, here: Path, run: Run, written: Write) -> None:
    (here / "all").mkdir()
    (here / "all" / "adapter_model.safetensors").touch()
    data = yaml.safe_load(SERVE)
    written(json.dumps(data), f"all/{name}")
    written(SERVE.replace("mine", "yours"), "all/z.yaml")
    ran = run("plan", "-f", "all", "-o", "json")
    assert ran.code == 0, ran
    assert [plan["workspace"] for plan in json.loads(ran.out)] == ["mine", "yours"]


@pytest.mark.parametrize(
    ("config", "context", "assumed"),
    [
        pytest.param({"model_type": "bloom", "n_layer": 2, "n_head": 4, "hidden_size": 64}, 2048, True, id="bloom"),
        pytest.param(
            {"model_type": "bloom", "n_layer": 2, "n_head": 4, "hidden_size": 64, "seq_length": 512},
            512,
            False,
            id="seq_length",
        ),
        pytest.param(
            {"model_type": "mpt", "d_model": 64, "n_layers": 2, "n_heads": 4, "max_seq_len": 128}, 128, False, id="mpt"
        ),
        pytest.param({"model_type": "mamba", "hidden_size": 64, "num_hidden_layers": 2}, 2048, True, id="mamba"),
        pytest.param(
            {"model_type": "rwkv", "hidden_size": 64, "num_hidden_layers": 2, "context_length": 256},
            256,
            False,
            id="rwkv",
        ),
        pytest.param(
            {
                "model_type": "gpt_neo",
                "hidden_size": 64,
                "num_layers": 2,
                "num_heads": 4,
                "max_position_embeddings": 96,
            },
            96,
            False,
            id="gpt_neo",
        ),
        pytest.param(
            {"model_type": "xglm", "d_model": 64, "num_layers": 2, "attention_heads": 4, "max_position_embeddings": 64},
            64,
            False,
            id="xglm",
        ),
        pytest.param(
            {"model_type": "own", "hidden_size": 64, "n_layer": 2, "n_head": 4, "alibi": True}, 2048, True, id="alibi"
        ),
    ],
)
def test_each_family_says_its_sizes_in_its_own_words(
    config: Mapping[str, Any], context: int, assumed: bool, here: Path, run: Run
) -> None:
    write_model(here / "m", {"architectures": ["AnyForCausalLM"], "vocab_size": 100, **config})
    plan = plan_of(run("plan", "-f", "m", "-o", "json").out)
    assert dict(plan["fits"])["serving"]["context"] == context
    assert any("2,048 tokens are assumed" in note for note in plan["notes"]) is assumed
