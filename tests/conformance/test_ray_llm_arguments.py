"""KAITO's recorded scenarios with ``runtime: ray``: the engine of each, and that Ray Serve LLM takes its flags."""

from __future__ import annotations

import copy
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.manifest_scenario import Cluster
from tests.support.kaito_facts import MANIFESTS
from tests.support.ray_environment import ray_llm_environment

from llmwright.values.plan import Plan
from llmwright_runtime_ray.rayservice import application_argv
from llmwright_runtime_ray.serve.options import parse

Object = dict[str, Any]

BUILDER = Path(__file__).parents[1] / "support" / "ray_llm_builder.py"
ENGINES = {
    "hf_transformers_adapters_strength": "hf",
    "hf_transformers_single_a10": "vllm",
    "vllm_adapters_image_and_volume": "vllm",
    "vllm_aws_g5": "vllm",
    "vllm_byo": "vllm",
    "vllm_karpenter_selector": "vllm",
    "vllm_multinode_llama70b_2xA100": "vllm",
    "vllm_single_a10": "vllm",
    "vllm_single_a10_config": "vllm",
    "vllm_tp_large_model_8gpu": "vllm",
}
"""The engine of each scenario that serves a preset: a strength is of ``hf`` alone."""
OTHERS = {"template_inference", "tuning_custom_config_multi_gpu", "tuning_url_image", "tuning_volume_volume"}
"""A pod of the user's own, and tunings whose machine is given back: no runtime serves there."""


@pytest.fixture(scope="module")
def scenarios() -> dict[str, Object]:
    if not MANIFESTS.is_file():
        pytest.skip("KAITO's objects are not beside this checkout")
    recorded: dict[str, Object] = json.loads(MANIFESTS.read_text())
    return recorded


@pytest.fixture(scope="module")
def plans(scenarios: dict[str, Object]) -> dict[str, Plan]:
    """The plan of each scenario that serves a preset, with ``ray``."""
    cluster, made = Cluster(), {}
    for name in ENGINES:
        given = copy.deepcopy(scenarios[name]["input"])
        given["workspace"]["inference"]["runtime"] = "ray"
        made[name] = cluster.plan(given)
    return made


def argv_of(plan: Plan) -> list[str]:
    """The flags with which Ray Serve builds the application."""
    assert plan.serving is not None
    return application_argv(plan.serving)


def test_every_scenario_is_judged(scenarios: dict[str, Object]) -> None:
    assert scenarios.keys() == ENGINES.keys() | OTHERS
    serving = {name for name, each in scenarios.items() if "preset" in each["input"]["workspace"].get("inference", {})}
    assert serving == ENGINES.keys()


@pytest.mark.parametrize("name", ENGINES)
def test_the_engine_is_the_one_that_can_and_the_plan_says_it(name: str, plans: dict[str, Plan]) -> None:
    plan, engine = plans[name], ENGINES[name]
    assert ("hf" if parse(argv_of(plan), {}).vllm is None else "vllm") == engine
    assert any(note.startswith(f"ray serves with the engine {engine}: ") for note in plan.notes)


@pytest.mark.slow
@pytest.mark.engine(name="ray-llm")
@pytest.mark.timeout(900)
def test_ray_serve_llm_and_vllm_take_every_scenario(plans: dict[str, Plan]) -> None:
    asked = {name: argv_of(plans[name]) for name, engine in ENGINES.items() if engine == "vllm"}
    ran = subprocess.run(
        [ray_llm_environment() / "bin/python", BUILDER],
        input=json.dumps([*asked.values()]),
        # A Ray of its own: by itself it joins the last one that was started on this machine, also where that is gone.
        env={**os.environ, "RAY_ADDRESS": "local"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    answers = dict(zip(asked, json.loads(ran.stdout.splitlines()[-1]), strict=True))
    assert {name: answer["against"] for name, answer in answers.items() if answer["against"]} == {}
    assert {answer["backend"] for answer in answers.values()} == {"ray"}
    for name, answer in answers.items():
        tensor, pipeline = answer["parallel"]
        assert [bundle["GPU"] for bundle in answer["bundles"]] == [1] * (tensor * pipeline), name
        serving, nodes = plans[name].serving, plans[name].nodes
        assert serving is not None
        gpus = serving.main.gpus * nodes.count
        assert tensor * pipeline * answer["autoscaling"]["max_replicas"] == gpus, name
    assert answers["vllm_adapters_image_and_volume"]["adapters"]
