"""``llmwright images``: the list of a setup, of one file, and behind a mirror."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from tests.support.command import Run
from tests.support.documents import ROOT

from llmwright.version import __version__

SERVED = """\
apiVersion: kaito.sh/v1beta1
kind: Workspace
metadata: {name: phi}
resource: {instanceType: Standard_NC24ads_A100_v4, labelSelector: {matchLabels: {apps: phi}}}
inference: {preset: {name: phi-4-mini-instruct}}
"""


def test_the_list_has_an_image_for_every_role_that_can_be_started(run: Run) -> None:
    ran = run("images", "list", "-o", "json")
    needed = {image["role"]: image for image in json.loads(ran.out)}
    assert {"operator", "workload", "workload-cuda12", "vllm", "ray", "ray-llm"} <= {*needed}
    assert needed["workload"]["image"] == f"localhost/llmwright/workload:{__version__}"
    assert (needed["workload"]["computeCapability"], needed["workload-cuda12"]["computeCapability"]) == ("7.5", "5.0")
    assert "tuner qlora" in needed["workload"]["usedBy"]
    assert needed["vllm"]["image"].startswith("vllm/vllm-openai:v")
    assert not needed["vllm"]["built"]


def test_a_file_narrows_the_list_to_what_its_pods_start(run: Run, written: Callable[..., Path]) -> None:
    settings = written("imageRegistry: registry.corp/mirror\n", "settings.yaml")
    ran = run("--settings", settings, "images", "list", "-f", written(SERVED), "-o", "json")
    needed = json.loads(ran.out)
    assert [image["role"] for image in needed] == ["vllm"], ran.err
    assert needed[0]["image"] == f"registry.corp/mirror/{needed[0]['source']}"
    assert needed[0]["usedBy"] == ["default/phi"]


def test_a_mirror_stands_before_every_image_that_is_rendered(run: Run, written: Callable[..., Path]) -> None:
    settings = written("imageRegistry: registry.corp/mirror\nimages: {vllm: team/engine:1}\n", "settings.yaml")
    ran = run("--settings", settings, "render", "--target", "kubernetes", "-f", written(SERVED))
    assert "image: registry.corp/mirror/team/engine:1" in ran.out, ran.err


def test_lines_to_fill_a_mirror_need_one(run: Run, written: Callable[..., Path]) -> None:
    ran = run("images", "list", "--copy-with", "oras")
    assert (ran.code, ran.out) == (2, "")
    assert "the settings name no mirror to copy to" in ran.err
    pinned = f"vllm/vllm-openai:v1@sha256:{'a' * 64}"
    settings = written(f"imageRegistry: registry.corp/mirror\nimages: {{vllm: '{pinned}'}}\n", "settings.yaml")
    lines = run("--settings", settings, "images", "list", "--copy-with", "oras").out.splitlines()
    name = f"vllm/vllm-openai@sha256:{'a' * 64}"
    assert f"oras copy --recursive docker.io/{name} registry.corp/mirror/{name}" in lines
    assert not [line for line in lines if "localhost" in line]


def test_the_charts_device_plugin_is_in_the_list(run: Run) -> None:
    values = yaml.safe_load((ROOT / "deploy/chart/values.yaml").read_text())["devicePlugin"]["image"]
    listed = {each["role"]: each for each in json.loads(run("images", "list", "-o", "json").out)}
    assert listed["device-plugin"]["image"] == f"{values['repository']}:{values['tag']}"


@pytest.mark.parametrize("registry", ["https://registry.corp", "registry corp", "registry.corp/Mirror"])
def test_a_mirror_that_is_no_part_of_a_name_is_refused(run: Run, written: Callable[..., Path], registry: str) -> None:
    ran = run("--settings", written(f"imageRegistry: '{registry}'\n", "settings.yaml"), "images", "list")
    assert ran.code == 2
    assert "imageRegistry" in ran.err
    assert "REGISTRY[:PORT][/PATH]" in ran.err


def test_images_are_built_from_a_clone_alone(run: Run) -> None:
    ran = run("images", "build")
    assert ran.code == 2
    assert "no deploy/images/images.toml here or above" in ran.err
    assert "clone" in ran.err


def test_commands_and_data_are_two_outputs(run: Run) -> None:
    ran = run("images", "list", "--copy-with", "oras", "-o", "json")
    assert (ran.code, ran.out) == (2, "")
    assert "leave out -o" in ran.err
