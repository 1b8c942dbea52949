"""Ray's engine vLLM beyond one copy that answers (``test_swap.py``): over two nodes, and where it does not start."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest
from tests.support.ray_environment import PROGRAM, ray_llm_environment

from llmwright.catalogue.catalogue import Catalogue
from llmwright.plugins.registry import Registry
from llmwright.testing.processes import free_port

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="ray-llm"), pytest.mark.timeout(900)]
NODES = Path(__file__).parent / "support" / "two_ray_nodes.py"
QUIET = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "RAY_USAGE_STATS_ENABLED": "0"}
SMALL = ("--dtype=float32", "--max-model-len=512", "--enforce-eager", "--load_format=safetensors")


@pytest.fixture(scope="module")
def model() -> str:
    preset = Catalogue.of_plugins(Registry(log=lambda _: None).hooks()).preset("demo")
    return preset.source.removeprefix("file://")


def run(command: list[str], **environ: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **QUIET, **environ}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_one_copy_is_placed_on_two_nodes_and_the_engine_has_the_last_word(model: str) -> None:
    """Ray's executor of vLLM wants GPUs, and here are none: what can be shown is that it is asked on both nodes."""
    own = ["--engine", "vllm", "--model", model, "--served-model-name", "demo", "--replica-gpus", "2"]
    argv = [*own, "--", *SMALL, "--pipeline-parallel-size=2"]
    ran = run([str(ray_llm_environment() / "bin/python"), str(NODES), json.dumps(argv)])
    assert ran.returncode == 0, ran.stderr[-2000:]
    answer = json.loads(ran.stdout.splitlines()[-1])
    (group,) = answer["placed"]
    assert {bundle["GPU"] for bundle in group["bundles"].values()} == {1.0}
    assert len({*group["nodes"].values()}) == 2, "both workers are on one node"
    assert answer["said"] == "vLLM did not start: current platform cpu does not support ray."


def test_the_engine_s_own_words_are_the_last_line_where_it_does_not_start(model: str, tmp_path: Path) -> None:
    own = ["--engine", "vllm", "--model", model, "--served-model-name", "demo", "--state", str(tmp_path)]
    command = [str(ray_llm_environment() / "bin" / PROGRAM), *own, "--port", str(free_port("127.0.0.1")), "--", *SMALL]
    ran = run(command, VLLM_CPU_KVCACHE_SPACE="4000")
    assert ran.returncode == 1
    errors = [line for line in ran.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert errors[0].startswith("error: vLLM did not start: ")
    assert "requested memory for kv (4000.0 GiB)" in errors[0]
