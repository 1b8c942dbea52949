"""The settings' overlay on every pod."""

from __future__ import annotations

from typing import Any

import pytest

from llmwright.targets.kubernetes.manifests import serving_objects
from llmwright.targets.kubernetes.manifests.strategic_merge import merged

from .conftest import NODES, SERVER


def overlaid(rendering: Any, pods: dict[str, Any]) -> dict[str, Any]:
    made = rendering({"pods": pods}, inference={"preset": {"name": "phi-4"}})
    template: dict[str, Any] = serving_objects(made, SERVER, NODES)[-1]["spec"]["template"]
    return template


def test_a_pod_s_spec_may_be_written_alone(rendering: Any) -> None:
    found = overlaid(rendering, {"serviceAccountName": "models", "priorityClassName": "high"})
    assert (found["spec"]["serviceAccountName"], found["spec"]["priorityClassName"]) == ("models", "high")


def test_labels_are_added_and_those_that_select_stay(rendering: Any) -> None:
    found = overlaid(rendering, {"metadata": {"labels": {"team": "a", "kaito.sh/workspace": "stolen"}}})
    assert found["metadata"]["labels"] == {"team": "a", "kaito.sh/workspace": "ws"}


def test_a_star_means_every_container(rendering: Any) -> None:
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}
    found = overlaid(
        rendering, {"spec": {"containers": [{"name": "*", "env": [proxy]}], "initContainers": [{"name": "*"}]}}
    )
    (container,) = found["spec"]["containers"]
    assert proxy in container["env"]
    assert container["name"] == "ws"
    assert not found["spec"].get("initContainers")


def test_tolerations_are_added_once(rendering: Any) -> None:
    own, gpu = (
        {"key": "own", "operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    )
    found = overlaid(rendering, {"tolerations": [own, gpu]})["spec"]["tolerations"]
    assert own in found
    assert found.count(gpu) == 1


@pytest.mark.parametrize(
    ("base", "overlay", "expected"),
    [
        ({"a": 1, "b": 2}, {"b": None}, {"a": 1}),
        ({"a": {"b": 1}}, {"a": {"c": 2}}, {"a": {"b": 1, "c": 2}}),
        ({"args": ["a"]}, {"args": ["b"]}, {"args": ["b"]}),
        (
            {"env": [{"name": "A", "value": "1"}]},
            {"env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
            {"env": [{"name": "A", "value": "2"}, {"name": "B", "value": "3"}]},
        ),
        (
            {"volumeMounts": [{"mountPath": "/a", "name": "x"}]},
            {"volumeMounts": [{"mountPath": "/a", "readOnly": True}]},
            {"volumeMounts": [{"mountPath": "/a", "name": "x", "readOnly": True}]},
        ),
        ({}, {"volumes": [{"name": "v", "emptyDir": {}}]}, {"volumes": [{"name": "v", "emptyDir": {}}]}),
    ],
)
def test_merging_is_strategic(base: Any, overlay: Any, expected: Any) -> None:
    assert merged(base, overlay) == expected
