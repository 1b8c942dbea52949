"""The strategic merge, and the settings' overlay on every pod."""

from __future__ import annotations

from typing import Any

import pytest
from core.tests.targets.kubernetes.support.rendered import serving

from llmwright.targets.kubernetes.manifests.strategic_merge import for_init_containers, merged


def overlaid(pods: dict[str, Any]) -> dict[str, Any]:
    template: dict[str, Any] = serving(settings={"pods": pods})[-1]["spec"]["template"]
    return template


def test_a_pod_s_spec_may_be_written_alone() -> None:
    pod = overlaid({"serviceAccountName": "models", "priorityClassName": "high"})
    assert (pod["spec"]["serviceAccountName"], pod["spec"]["priorityClassName"]) == ("models", "high")


def test_labels_are_added_but_labels_of_the_selector_stay() -> None:
    pod = overlaid({"metadata": {"labels": {"team": "a", "kaito.sh/workspace": "stolen"}}})
    assert pod["metadata"]["labels"] == {"team": "a", "kaito.sh/workspace": "ws"}


def test_a_star_means_every_container() -> None:
    proxy = {"name": "HTTPS_PROXY", "value": "http://proxy.example:3128"}
    pod = overlaid({"spec": {"containers": [{"name": "*", "env": [proxy]}], "initContainers": [{"name": "*"}]}})
    (container,) = pod["spec"]["containers"]
    assert proxy in container["env"]
    assert container["name"] == "ws"
    assert not pod["spec"].get("initContainers")


def test_tolerations_are_added_once() -> None:
    own, gpu = (
        {"key": "own", "operator": "Exists"},
        {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"},
    )
    tolerations = overlaid({"tolerations": [own, gpu]})["spec"]["tolerations"]
    assert own in tolerations
    assert tolerations.count(gpu) == 1


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


def test_what_is_said_of_every_container_is_said_of_init_containers_too() -> None:
    proxy = [{"name": "HTTPS_PROXY", "value": "http://proxy:3128"}]
    every = {"name": "*", "env": proxy, "livenessProbe": {"exec": {"command": ["true"]}}}
    base = {"spec": {"containers": [{"name": "c"}], "initContainers": [{"name": "fetch"}]}}
    overlay = {"spec": {"containers": [every], "initContainers": [{"name": "fetch", "image": "i"}]}}
    spec = merged(base, for_init_containers(overlay))["spec"]
    assert spec["containers"] == [{**every, "name": "c"}]
    assert spec["initContainers"] == [{"name": "fetch", "env": proxy, "image": "i"}]


def test_a_pod_without_init_containers_gets_none() -> None:
    overlay = for_init_containers({"spec": {"containers": [{"name": "*", "tty": True}]}})
    assert merged({"spec": {"containers": [{"name": "c"}]}}, overlay)["spec"]["initContainers"] == []
