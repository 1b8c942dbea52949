"""Names that stand for others: placeholders, and models called alike."""

from __future__ import annotations

from typing import Any

import pytest
from core.tests.check.support.verdicts import BYO, errors, warnings
from tests.support.checking import SERVE, TUNE, Check, edit

MISSION = {
    "apiVersion": "kaito.sh/v1alpha1",
    "kind": "Workspace",
    "metadata": {"name": "workspace-tuning-phi-3"},
    "resource": {
        "instanceType": "Standard_NC6s_v3",
        "labelSelector": {"matchLabels": {"app": "tuning-phi-3"}},
    },
    "tuning": {
        "preset": {"name": "small"},
        "method": "qlora",
        "input": {"urls": ["https://huggingface.co/datasets/a/b/resolve/main/c.parquet?download=true"]},
        "output": {
            "image": "ACR_REPO_HERE.azurecr.io/IMAGE_NAME_HERE:0.0.1",
            "imagePushSecret": "ACR_REGISTRY_SECRET_HERE",
        },
    },
}


def test_the_mission_s_example_passes_and_names_its_placeholders(check: Check) -> None:
    problems = check(MISSION)
    assert errors(problems) == {}
    assert warnings(problems) == {
        "resource.instanceType": "Retired",
        "tuning.output.image": "Placeholder",
        "tuning.output.imagePushSecret": "Placeholder",
    }
    buying = check(MISSION, refuse_placeholders=True)
    assert errors(buying) == {
        "tuning.output.image": "Placeholder",
        "tuning.output.imagePushSecret": "Placeholder",
    }


@pytest.mark.parametrize("image", ["r.io/UPPER:1", "r.io/IMAGE_HEREx:1", "r.io/xIMAGE_HERE:1", "r.io/a-NAME_HERE:1"])
def test_other_upper_case_names_are_no_placeholders(check: Check, image: str) -> None:
    assert errors(check(edit(TUNE, {"tuning.output.image": image}))) == {"tuning.output.image": "BadImage"}


@pytest.mark.parametrize(
    ("workspace", "name", "facts", "expected"),
    [
        (TUNE, "small", {}, {"metadata.name": "Unworkable"}),
        (edit(TUNE, {"tuning.onSuccess": "release"}), "small", {}, {}),
        (TUNE, "small", {"on_success": "release"}, {}),
        (
            edit(TUNE, {"tuning.onSuccess": "serve"}),
            "small",
            {"on_success": "release"},
            {"metadata.name": "Unworkable"},
        ),
        (SERVE, "small", {}, {}),
    ],
)
def test_a_tuned_model_is_not_called_like_its_base(
    check: Check, workspace: dict[str, Any], name: str, facts: dict[str, Any], expected: dict[str, str]
) -> None:
    for target in ("kubernetes", "local"):
        assert errors(check(edit(workspace, {"metadata.name": name}), target=target, **facts)) == expected


def test_an_adapter_is_not_called_like_the_base(check: Check) -> None:
    adapters = {"inference.adapters": [{"source": {"name": "small", "image": "r.io/a:1"}}]}
    expected = {"inference.adapters[0].source.name": "Unworkable"}
    assert errors(check(edit(SERVE, adapters))) == expected
    assert errors(check(edit(SERVE, adapters), old=SERVE)) == expected
    by_set = {**adapters, "metadata.labels": {"inferenceset.kaito.sh/created-by": "answers"}}
    assert errors(check(edit(SERVE, by_set))) == {}


@pytest.mark.parametrize(
    ("workspace", "facts", "expected"),
    [
        (SERVE, {"cloud": ""}, {"resource.instanceType": "NoCloud"}),
        (edit(SERVE, {"apiVersion": "kaito.sh/v1alpha1"}), {"cloud": ""}, {"resource.instanceType": "NoCloud"}),
        (TUNE, {"cloud": ""}, {}),
        (edit(SERVE, {"resource.instanceType": ...}), {"cloud": "", "gates": BYO}, {}),
        (edit(SERVE, {"resource.provisioner": "byo"}), {"cloud": ""}, {}),
    ],
)
def test_without_a_cloud_no_type_is_known_for_serving(
    check: Check, workspace: dict[str, Any], facts: dict[str, Any], expected: dict[str, str]
) -> None:
    assert errors(check(workspace, **facts)) == expected
