"""What a rendered pod starts exists in the image that it names: every scenario of KAITO's, and the quick start.

The public images (vLLM's, Ray's, the router's) are not built here, and nothing here pulls them: they are not asked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.conformance.manifest_scenario import Cluster
from tests.images.support.image_builds import ENGINE, image_of
from tests.support.documents import ROOT
from tests.support.kaito_facts import MANIFESTS

from llmwright.app.images.contents import ask_python
from llmwright.app.images.recipes import read_recipes
from llmwright.values.image_names import LOCAL

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not MANIFESTS.exists(), reason="KAITO's recorded objects are not beside this checkout"),
]

ASK = """
import importlib.util, json, os, shutil, sys
programs, modules = json.loads(sys.argv[1]), json.loads(sys.argv[2])
lacking = [name for name in programs if shutil.which(name) is None]
lacking += [name for name in modules if importlib.util.find_spec(name) is None]
print(json.dumps({"lacking": lacking, "user": os.getuid(), "home": os.access(os.environ["HOME"], os.W_OK)}))
"""


def scenarios() -> dict[str, Mapping[str, Any]]:
    found = {name: scenario["input"] for name, scenario in json.loads(MANIFESTS.read_text()).items()}
    workspace = yaml.safe_load((ROOT / "examples/quickstart.yaml").read_text())
    workspace["resource"] = {"instanceType": "Standard_NC24ads_A100_v4", "labelSelector": {"matchLabels": {"a": "b"}}}
    workspace["tuning"]["input"] = {"urls": ["https://example.com/questions.parquet"]}
    some = next(iter(found.values()))
    return {**found, "quickstart": {**some, "workspace": workspace, "target_node_count": 1}}


def started(value: Any) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Yield image and command of every container of an object."""
    if isinstance(value, Mapping):
        if isinstance(value.get("image"), str) and "name" in value:
            yield value["image"], tuple(value.get("command") or ())
        for part in value.values():
            yield from started(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from started(part)


def asked_of_images() -> dict[str, tuple[set[str], set[str]]]:
    """Return for each image of ours the programs and the modules that pods start."""
    cluster, asked = Cluster(), dict[str, tuple[set[str], set[str]]]()
    for scenario in scenarios().values():
        for image, command in started(cluster.objects(scenario)):
            programs, modules = asked.setdefault(image, (set(), set()))
            programs |= {*command[:1]}
            modules |= {command[at + 1] for at, word in enumerate(command[:-1]) if word == "-m"}
    return {image: parts for image, parts in asked.items() if image.startswith(LOCAL)}


def test_the_image_has_every_program_and_module_that_a_pod_starts(tmp_path: Path) -> None:
    roles = {recipe.image: role for role, recipe in read_recipes(ROOT).items()}
    asked = asked_of_images()
    assert asked.keys() <= roles.keys()
    assert "workload" in {roles[image] for image in asked}
    for image, (programs, modules) in asked.items():
        assert {"llmwright.artifacts", "llmwright_tuning_qlora.train"} <= modules
        built = image_of(roles[image], tmp_path)
        found = json.loads(ask_python(ENGINE, built, ASK, json.dumps(sorted(programs)), json.dumps(sorted(modules))))
        assert found == {"lacking": [], "user": 65532, "home": True}, image


def test_the_images_have_what_pods_of_kuberay_start(tmp_path: Path) -> None:
    # KubeRay starts `ray` in a shell, and waits in one for the head; the application is named in the RayService.
    programs, modules = ["bash", "ray"], ["ray.serve", "llmwright_runtime_ray.serve.app", "llmwright_runtime_hf.serve"]
    assert lacking_in("ray", programs, modules, tmp_path) == []
    assert lacking_in("workload", ["python3"], ["llmwright_runtime_ray.packages"], tmp_path) == []


def lacking_in(role: str, programs: list[str], modules: list[str], folder: Path) -> list[str]:
    answer = ask_python(ENGINE, image_of(role, folder), ASK, json.dumps(programs), json.dumps(modules))
    return list(json.loads(answer)["lacking"])
