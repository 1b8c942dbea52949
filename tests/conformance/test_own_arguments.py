"""What we render starts: our own programs' parsers take the arguments of each of KAITO's recorded scenarios.

Those of vLLM are in ``test_engine_arguments.py``, by the engine's own parser.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.manifest_scenario import Cluster
from tests.support.kaito_facts import MANIFESTS

from llmwright.artifacts.__main__ import _parser as artifacts_parser
from llmwright.errors import LLMwrightError
from llmwright_runtime_hf.serve.serve_options import parse_options as parse_serving
from llmwright_tuning_qlora.train.tuning_options import parse_options as parse_tuning

TRAINING_CONFIG = "training_config: {LoraConfig: {r: 4}}\n"
ENGINE = "vllm"
TUNED = ("--model", "m", "--method", "lora", "--data", "d", "--output", "o")
PROGRAMS = {
    "hf_transformers_adapters_strength": {"llmwright.artifacts", "llmwright_runtime_hf.serve"},
    "hf_transformers_single_a10": {"llmwright_runtime_hf.serve"},
    "template_inference": set(),
    "tuning_custom_config_multi_gpu": {"llmwright.artifacts", "llmwright_tuning_qlora.train"},
    "tuning_url_image": {"llmwright.artifacts", "llmwright_tuning_qlora.train"},
    "tuning_volume_volume": {"llmwright_tuning_qlora.train"},
}
"""The programs of ours in the pods of each scenario; those whose name begins with ``vllm_`` start the engine."""

pytestmark = pytest.mark.skipif(not MANIFESTS.is_file(), reason="KAITO's objects are not beside this checkout")


def scenarios() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MANIFESTS.read_text()) if MANIFESTS.is_file() else {}
    return found


def commands(pod: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield the command of each container, as the kubelet starts it."""
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        words = [*container.get("command", ()), *container.get("args", ())]
        yield [str(word).replace("$$(", "$(") for word in words]


@pytest.mark.parametrize("name", scenarios())
def test_our_programs_take_what_is_rendered(name: str, tmp_path: Path) -> None:
    config = tmp_path / "training_config.yaml"
    config.write_text(TRAINING_CONFIG)

    def tuning(argv: Sequence[str]) -> object:
        # The file of the user's ConfigMap is mounted in the pod, and is not here.
        return parse_tuning([str(config) if word.endswith("/training_config.yaml") else word for word in argv])

    parsers: dict[str, Callable[[Sequence[str]], object]] = {
        "llmwright_runtime_hf.serve": lambda argv: parse_serving(argv, {}),
        "llmwright_tuning_qlora.train": tuning,
        "llmwright.artifacts": artifacts_parser().parse_args,
    }
    scenario = scenarios()[name]
    try:
        workload = Cluster().objects(scenario["input"])["workload"]
    except LLMwrightError:
        assert "panic" in scenario["output"]
        return
    started = set()
    for words in commands(workload["spec"]["template"]["spec"]):
        # A module may start another: that of torch for several GPUs, which takes its own flags before.
        for place, module in enumerate(words[1:], 1):
            if words[place - 1] == "-m" and module in parsers:
                assert parsers[module](words[place + 1 :]) is not None, words
                started.add(module)
    assert started == PROGRAMS.get(name, started)


def test_each_scenario_is_judged_here_or_by_the_engine() -> None:
    assert {name for name in scenarios() if not name.startswith(ENGINE)} == PROGRAMS.keys()


@pytest.mark.parametrize(
    ("parse", "flag"),
    [
        (lambda argv: parse_serving(["--model", "m", *argv], {}), "--no-such"),
        (lambda argv: parse_tuning([*TUNED, *argv]), "--no-such"),
    ],
)
def test_a_flag_that_there_is_not_is_refused(parse: Callable[[Sequence[str]], object], flag: str) -> None:
    with pytest.raises(Exception, match=flag):
        parse([flag])
