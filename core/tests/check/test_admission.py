"""Rules for a new Workspace on a cluster, each seen to refuse and to let pass."""

from __future__ import annotations

from typing import Any

import pytest
from core.tests.check.support.verdicts import errors, warnings
from tests.support.checking import SERVE, TUNE, Check, edit

from llmwright.check import refuse
from llmwright.errors import InvalidWorkspace, Problem
from llmwright.plugins.driver_set import DriverSet
from llmwright.plugins.registry import Registry
from llmwright.values.feature_gates import FeatureGates

TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "nginx:1"}]}}


@pytest.mark.parametrize("workspace", [SERVE, TUNE])
@pytest.mark.parametrize("version", ["v1alpha1", "v1beta1"])
def test_a_good_workspace_has_no_problem(check: Check, workspace: dict[str, Any], version: str) -> None:
    assert check(edit(workspace, {"apiVersion": f"kaito.sh/{version}"})) == ()


A = "metadata.annotations"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"metadata.name": "Upper"}, {"metadata.name": "BadName"}),
        ({"metadata.name": "a.b"}, {"metadata.name": "BadName"}),
        ({"metadata.name": "a" * 64}, {"metadata.name": "BadName"}),
        ({"metadata.name": ...}, {"metadata.name": "BadName"}),
        ({"metadata.namespace": "../up"}, {"metadata.namespace": "BadName"}),
        ({"inference": ...}, {"": "Required"}),
        ({"tuning": TUNE["tuning"]}, {"": "Conflict"}),
        ({f"{A}[kaito.sh/node-image-family]": " Ubuntu "}, {}),
        ({f"{A}[kaito.sh/node-image-family]": "windows"}, {f'{A}["kaito.sh/node-image-family"]': "NotSupported"}),
        ({f"{A}[kaito.sh/performance-mode]": "fast"}, {f'{A}["kaito.sh/performance-mode"]': "NotSupported"}),
        ({f"{A}[kaito.sh/use-local-weights]": "yes"}, {f'{A}["kaito.sh/use-local-weights"]': "NotSupported"}),
        ({"resource.count": 0}, {"resource.count": "Unworkable"}),
        ({"resource.count": -3}, {"resource.count": "Unworkable"}),
        ({"resource.labelSelector": ...}, {"resource.labelSelector": "Required"}),
        (
            {"resource.labelSelector": {"matchLabels": {"kaito.sh/workspace": "x"}}},
            {"resource.labelSelector.matchLabels": "Reserved"},
        ),
        (
            {"resource.labelSelector.matchExpressions": [{"key": "a", "operator": "In", "values": ["b", "c"]}]},
            {"resource.labelSelector.matchExpressions[0]": "NotSupported"},
        ),
        (
            {"resource.labelSelector.matchExpressions": [{"key": "a", "operator": "Exists"}]},
            {"resource.labelSelector.matchExpressions[0]": "NotSupported"},
        ),
        ({"resource.labelSelector.matchExpressions": [{"key": "a", "operator": "In", "values": ["b"]}]}, {}),
        ({"resource.instanceType": ...}, {"resource.instanceType": "Required"}),
        ({"resource.instanceType": "auto"}, {}),
        ({"resource.instanceType": "AUTO"}, {}),
        ({"resource.instanceType": "standard_nc24ads_a100_V4, Small_T4"}, {}),
        ({"resource.instanceType": "Small_T4, Smal_T4"}, {"resource.instanceType": "UnknownInstanceType"}),
        ({"resource.instanceType": "Small_T4, small_t4"}, {"resource.instanceType": "Unworkable"}),
        ({"resource.instanceType": "Small_T4,"}, {"resource.instanceType": "Unworkable"}),
        ({"resource.instanceType": "Small_T4, auto"}, {"resource.instanceType": "Unworkable"}),
        (
            {"resource.instanceType": "Small_T4, standard_nc24ads_a100_V4", "resource.provisioner": "byo"},
            {"resource.instanceType": "NotAllowed"},
        ),
        ({"resource.instanceType": "standard_nc24ads_a100_V4"}, {}),
        ({"resource.instanceType": "Standrd_NC24ads_A100_v4"}, {"resource.instanceType": "UnknownInstanceType"}),
        ({"resource.instanceType": "Standard_Dnew"}, {}),
        ({"resource.instanceType": "Small_T4"}, {}),
        ({"resource.partition": {"mode": "mig", "profile": "1g.10gb"}}, {"resource.partition": "NotEnabled"}),
        ({"inference.preset.name": "smal"}, {"inference.preset.name": "UnknownPreset"}),
        ({"inference.preset.name": ""}, {"inference.preset.name": "UnknownPreset"}),
        ({"inference.preset.name": "org/model"}, {}),
        ({"inference.preset.name": "org/"}, {"inference.preset.name": "UnknownPreset"}),
        (
            {"inference.preset.name": "gated"},
            {"inference.preset.presetOptions.modelAccessSecret": "TokenRequired"},
        ),
        ({"inference.preset": {"name": "gated", "presetOptions": {"modelAccessSecret": "hf"}}}, {}),
        (
            {"inference.preset": {"name": "image", "presetOptions": {"modelAccessSecret": "hf"}}},
            {"inference.preset.presetOptions.modelAccessSecret": "NotAllowed"},
        ),
        ({"inference.preset": ...}, {"inference": "Required"}),
        ({"inference.preset": ..., "inference.template": TEMPLATE}, {}),
        ({"inference.template": TEMPLATE}, {"inference": "Conflict"}),
        (
            {"inference.preset": ..., "inference.template": TEMPLATE, "inference.runtime": "hf"},
            {"inference.runtime": "Conflict"},
        ),
        (
            {"inference.preset": ..., "inference.template": {"spec": {}}},
            {"inference.template.spec.containers": "Unworkable"},
        ),
        ({"inference.adapters": [{}]}, {"inference.adapters[0].source": "Required"}),
        (
            {"inference.adapters": [{"source": {"name": "a", "image": "r.io/a:1"}}] * 2},
            {"inference.adapters[1].source.name": "Duplicate"},
        ),
        (
            {"inference.adapters": [{"source": {"name": f"a{n}", "image": "r.io/a:1"}} for n in range(11)]},
            {"inference.adapters": "TooMany"},
        ),
        (
            {"inference.adapters": [{"source": {"name": "a", "image": "r.io/a:1"}, "strength": "0.5"}]},
            {"inference.adapters[0].strength": "NotSupported"},
        ),
        (
            {"inference.adapters": [{"source": {"image": "r.io/A:1"}}]},
            {"inference.adapters[0].source.name": "Unworkable", "inference.adapters[0].source.image": "Unworkable"},
        ),
    ],
)
def test_serving(check: Check, changes: dict[str, Any], expected: dict[str, str]) -> None:
    problems = errors(check(edit(SERVE, changes)))
    if "partition" in str(changes):
        problems.pop("resource.partition.profile", None)
    assert problems == expected


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"resource.count": 2}, {"resource.count": "NotSupported"}),
        ({"resource.instanceType": "nothing"}, {"resource.instanceType": "Unworkable"}),
        ({"tuning.method": "QLoRA"}, {}),
        ({"tuning.method": "qlra"}, {"tuning.method": "UnknownMethod"}),
        ({"tuning.method": ...}, {"tuning.method": "UnknownMethod"}),
        ({"tuning.preset": ...}, {"tuning.preset": "Required"}),
        ({"tuning.preset.name": "nope"}, {"tuning.preset.name": "UnknownPreset"}),
        ({"tuning.input": ...}, {"tuning.input": "Required"}),
        ({"tuning.input": {}}, {"tuning.input": "Required"}),
        ({"tuning.input.image": "r.io/d:1"}, {"tuning.input": "Conflict"}),
        ({"tuning.input": {"volumeSource": {}}}, {}),
        ({"tuning.input": {"image": "r.io/UPPER:1"}}, {"tuning.input.image": "BadImage"}),
        ({"tuning.output": ...}, {"tuning.output": "Required"}),
        ({"tuning.output": {}}, {"tuning.output": "Required"}),
        ({"tuning.output.imagePushSecret": ...}, {"tuning.output.imagePushSecret": "Required"}),
        ({"tuning.output.volumeSource": {"emptyDir": {}}}, {"tuning.output": "Conflict"}),
        ({"tuning.output": {"volumeSource": {"emptyDir": {}}}}, {}),
        ({"tuning.output.image": "r.io/UPPER:1"}, {"tuning.output.image": "BadImage"}),
    ],
)
def test_tuning(check: Check, changes: dict[str, Any], expected: dict[str, str]) -> None:
    assert errors(check(edit(TUNE, changes))) == expected


@pytest.mark.parametrize(
    "url",
    [
        "example.com/a",
        "ftp://example.com/a",
        "http:///a",
        "http://localhost/a",
        "http://x.localhost/a",
        "http://10.1.2.3/a",
        "http://2130706433/a",
        "http://0x7f.1/a",
        "http://[::ffff:127.0.0.1]/a",
        "http://[fd00::1]/a",
        "http://169.254.169.254/a",
        "http://metadata.google/a",
        "file:///etc/passwd",
        "data.parquet",
    ],
)
def test_urls_that_lead_inside_are_refused(check: Check, url: str) -> None:
    assert errors(check(edit(TUNE, {"tuning.input.urls": [url]}))) == {"tuning.input.urls[0]": "BadUrl"}


def test_hints_name_what_was_meant_and_how_to_list_all(check: Check) -> None:
    wrong = {"inference.preset.name": "smal", "resource.instanceType": "Smal_T4"}
    hints = {problem.path: problem.hint for problem in check(edit(SERVE, wrong))}
    assert hints["inference.preset.name"] == "did you mean 'small'? `llmwright presets list` lists all"
    assert hints["resource.instanceType"].startswith("did you mean 'Small_T4'? ")


def test_everything_is_said_at_once_and_with_its_place(check: Check) -> None:
    changes = {"metadata.name": "A", "resource.count": 0, "resource.instanceType": "x", "inference.preset.name": "y"}
    problems = check(edit(SERVE, changes))
    assert len(errors(problems)) == 4
    with pytest.raises(InvalidWorkspace) as refused:
        refuse(problems, source="ws.yaml")
    assert len(refused.value.problems) == 4
    assert refuse(check(SERVE)) == ()


def test_a_broken_preset_says_why(check: Check) -> None:
    problems = check(
        edit(SERVE, {"inference.preset.name": "b"}), broken_presets={"b": "pack-x: weightBytes is missing"}
    )
    assert [problem.message for problem in problems] == ["preset 'b' cannot be used: pack-x: weightBytes is missing"]


def test_the_runtime_is_the_field_s_then_the_annotation_s_then_the_default(check: Check) -> None:
    only = {"inference.preset.name": "vllm-only"}
    hf = {**only, "metadata.annotations[kaito.sh/runtime]": "transformers"}
    assert errors(check(edit(SERVE, only))) == {}
    assert errors(check(edit(SERVE, hf))) == {"inference.preset.name": "NotSupported"}
    assert errors(check(edit(SERVE, {**hf, "inference.runtime": "vllm"}))) == {}
    assert errors(check(edit(SERVE, only), runtime="hf")) == {"inference.preset.name": "NotSupported"}
    off = FeatureGates({"vLLM": False})
    assert errors(check(edit(SERVE, only), gates=off)) == {"inference.preset.name": "NotSupported"}
    named = check(edit(SERVE, {**only, "inference.runtime": "vllm"}), gates=off)
    assert errors(named) == {"inference.preset.name": "NotSupported"}
    odd = check(edit(SERVE, {**only, "metadata.annotations[kaito.sh/runtime]": "foo"}))
    assert warnings(odd) == {'metadata.annotations["kaito.sh/runtime"]': "NotSupported"}


def test_private_images_in_v1alpha1(check: Check) -> None:
    old = edit(SERVE, {"apiVersion": "kaito.sh/v1alpha1", "inference.preset.name": "private-image"})
    assert errors(check(old)) == {"inference.preset.accessMode": "Required"}
    private = edit(old, {"inference.preset.accessMode": "private"})
    assert errors(check(private)) == {"inference.preset.presetOptions.image": "Required"}
    assert errors(check(edit(private, {"inference.preset.presetOptions": {"image": "r.io/w:1"}}))) == {}


def test_drivers_are_installed_and_judge_their_options(check: Check) -> None:
    wrong = edit(SERVE, {"resource.provisioner": "karpentr", "inference.runtime": "ray"})
    without_ray = DriverSet.of_registry(Registry(blocked=["ray"]))
    problems = {problem.path: problem for problem in check(wrong, installed=without_ray)}
    assert problems["resource.provisioner"].hint.startswith("did you mean 'karpenter'?")
    assert problems["inference.runtime"].hint == "pip install 'llmwright-runtime-ray[serve]'"

    def configure(kind: str, name: str, options: Any, files: Any, _: Any) -> list[Problem]:
        bad = [Problem(key, f"{kind} {name} knows no such option") for key in options]
        return bad + [Problem(f"{file}: training_config", "is odd") for file in files]

    data = edit(TUNE, {"tuning.methodConfig": {"depth": 1}, "tuning.config": "mine"})
    files = {"training_config.yaml": "training_config: {QuantizationConfig: {load_in_4bit: true}}"}
    judged = check(data, configure=configure, config_files=lambda _, name: files if name == "mine" else None)
    assert {problem.path: problem.message for problem in judged} == {
        "tuning.methodConfig.depth": "tuner qlora knows no such option",
        "tuning.config": "training_config.yaml: training_config: is odd",
    }
