"""What we render starts: vLLM's own parser takes the arguments of each of KAITO's recorded scenarios and models."""

from __future__ import annotations

import copy
import json
import re
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.conformance.manifest_scenario import Cluster
from tests.conformance.test_manifest_presets import MACHINES, models, served
from tests.support.engine import ROOT, engine_environment, parsed
from tests.support.kaito_facts import MANIFESTS, PRESETS

from llmwright.errors import LLMwrightError
from llmwright.plugins.selection import RUNTIME_ANNOTATION

pytestmark = [pytest.mark.slow, pytest.mark.engine(name="vllm")]
UNKNOWN = "a flag that there is not"
PLACE = re.compile(r"\$\((\w[\w.-]*)\)")
BEYOND = {"hf_transformers_adapters_strength"}
"""A scenario that ``vllm`` refuses, with the runtime that does it: it has no strength for an adapter."""
LISTED = ROOT / "plugins/runtime_vllm/src/llmwright_runtime_vllm/releases"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return Cluster()


def commands(container: Mapping[str, Any]) -> Iterator[list[str]]:
    """Yield each command that a pod may run; the kubelet fills in the rank, and takes the escapes out."""
    words = [str(word) for word in container.get("command", ())]
    if words[:2] != ["/bin/sh", "-c"]:
        yield [word.replace("$$(", "$(") for word in words]
        return
    for part in words[2].replace("$(POD_INDEX)", "1").replace("$$(", "$(").split("exec ")[1:]:
        yield shlex.split(part.partition("; ")[0])


def of_scenarios(cluster: Cluster) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of KAITO's recorded scenarios whose pod runs vLLM, each with its name."""
    for name, scenario in json.loads(MANIFESTS.read_text()).items():
        try:
            workload = cluster.objects(scenario["input"])["workload"]
        except LLMwrightError:
            assert "panic" in scenario["output"]
            continue
        container = workload["spec"]["template"]["spec"]["containers"][0]
        for number, command in enumerate(commands(container)):
            if command[:2] == ["vllm", "serve"]:
                yield f"{name}, rank {number}", command


def of_others(cluster: Cluster) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of the other scenarios with ``vllm`` in place of their runtime, or of none after tuning."""
    for name, scenario in json.loads(MANIFESTS.read_text()).items():
        given = copy.deepcopy(scenario["input"])
        about, inference = given["workspace"]["metadata"], given["workspace"].get("inference", {})
        if name.startswith("vllm_") or "template" in inference or name in BEYOND:
            continue
        about["annotations"] = {**(about.get("annotations") or {}), RUNTIME_ANNOTATION: "vllm"}
        if "tuning" in given["workspace"]:
            given["workspace"]["tuning"]["onSuccess"] = "serve"
        serving = cluster.plan(given).serving
        assert serving is not None, name
        yield f"{name} by vllm", [PLACE.sub(_filled, word) for word in serving.main.argv]


def _filled(place: re.Match[str]) -> str:
    """Return what a target writes in place of a name in a Launch: a number for a port, else a path."""
    return "5000" if place[1].startswith("port.") else "/place"


def of_models(cluster: Cluster) -> Iterator[tuple[str, list[str]]]:
    """Yield the commands of all models of upstream's catalogue, each with its name."""
    for model in models():
        for machine in MACHINES:
            for number, command in enumerate(commands(served(cluster, model, machine))):
                yield f"{model['name']} on {machine}, rank {number}", command


@pytest.fixture(scope="module")
def asked(cluster: Cluster) -> dict[str, list[str]]:
    if not (MANIFESTS.is_file() and PRESETS.is_file()):
        pytest.skip("KAITO's objects are not beside this checkout")
    ours = {**dict(of_scenarios(cluster)), **dict(of_others(cluster)), **dict(of_models(cluster))}
    return {**ours, UNKNOWN: ["vllm", "serve", "a/b", "--no-such=8"]}


@pytest.fixture(scope="module")
def against(asked: dict[str, list[str]], tmp_path_factory: pytest.TempPathFactory) -> dict[str, str | None]:
    """What the engine's parser says against each command, asked in one process: its start takes a minute."""
    engine_environment()
    # The templates of the image are not here, and the parser wants to see the file.
    template = tmp_path_factory.mktemp("image") / "template.jinja"
    template.write_text("{{ messages }}")
    here = [[re.sub(r"^(--chat-template=).*", rf"\g<1>{template}", word) for word in line] for line in asked.values()]
    return dict(zip(asked, parsed(here), strict=True))


def test_every_scenario_is_taken_by_the_engine_s_own_parser(against: dict[str, str | None]) -> None:
    ours = {name: said for name, said in against.items() if name.startswith("vllm_")}
    recorded = {name for name in json.loads(MANIFESTS.read_text()) if name.startswith("vllm_")}
    assert {name.partition(",")[0] for name in ours} == recorded
    assert {name: said for name, said in ours.items() if said} == {}
    others = {name for name in json.loads(MANIFESTS.read_text()) if not name.startswith("vllm_")} - BEYOND
    by_vllm = {name.removesuffix(" by vllm") for name in against if name.endswith(" by vllm")}
    assert others - by_vllm == {"template_inference"}, "the whole pod is the user's own"


def test_every_model_is_taken_by_the_engine_s_own_parser(against: dict[str, str | None]) -> None:
    assert {name: said for name, said in against.items() if said and name != UNKNOWN} == {}


def test_the_parser_ends_on_a_flag_that_it_does_not_have(against: dict[str, str | None]) -> None:
    assert "--no-such=8" in (against[UNKNOWN] or "")


def test_the_list_of_flags_is_the_engine_s(tmp_path: Path) -> None:
    python = engine_environment() / "bin/python"
    script = ROOT / "plugins/runtime_vllm/engine/list_flags.py"
    made = subprocess.run([python, script, tmp_path], capture_output=True, text=True)
    assert made.returncode == 0, made.stderr[-2000:]
    (written,) = tmp_path.iterdir()
    assert written.read_text() == (LISTED / written.name).read_text(), "run `make vllm-flags`"
