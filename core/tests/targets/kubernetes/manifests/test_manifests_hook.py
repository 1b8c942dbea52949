"""The hook ``manifests``: plugins may change much, but not the owner of an object."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, render_input

from llmwright.errors import PluginContract
from llmwright.plugins.discovery import PluginEntry
from llmwright.plugins.hooks import HookPlugin, Hooks
from llmwright.targets.kubernetes.manifests import run_manifests_hook, serving_objects
from llmwright.targets.kubernetes.manifests.object_metadata import role_of

WORKSPACE = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "more"}}
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "more"}}


def hooks(*functions: Callable[[Any], Any]) -> Hooks:
    """One plugin for each function, which gets all objects and returns objects."""
    names = [f"plugin-{number}" for number, _ in enumerate(functions)]
    by_name = dict(zip(names, functions, strict=True))
    plugins = [HookPlugin(installed(name), frozenset({"manifests"})) for name in names]
    return Hooks(plugins, [], lambda _, at, arguments: [by_name[at.name](arguments["objects"])], print)


def installed(name: str) -> PluginEntry:
    return PluginEntry(kind="hook", name=name, target=name, distribution=name, version="1", interface=1)


SOURCE = render_input()
OBJECTS = serving_objects(SOURCE, SERVER, NODES)


def test_each_plugin_sees_the_objects_of_the_one_before() -> None:
    def label(objects: Any) -> Any:
        return [{**item, "metadata": {**item["metadata"], "labels": {"team": "a"}}} for item in objects]

    def count(objects: Any) -> Any:
        assert all(item["metadata"]["labels"] == {"team": "a"} for item in objects)
        return ()

    after = run_manifests_hook(hooks(label, count), SOURCE, None, OBJECTS)
    assert all(item["metadata"]["labels"] == {"team": "a", "kaito.sh/workspace": "ws"} for item in after)
    assert [manifest["kind"] for manifest in after] == [manifest["kind"] for manifest in OBJECTS]


def test_an_added_object_belongs_to_the_workspace() -> None:
    more = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "more", "namespace": "x"}}
    after = run_manifests_hook(hooks(lambda objects: [*objects, more]), SOURCE, None, OBJECTS)
    added = after[-2]
    assert added["metadata"]["ownerReferences"] == OBJECTS[0]["metadata"]["ownerReferences"]
    assert (added["metadata"]["name"], added["metadata"]["namespace"]) == ("more", "ns")
    assert after[-1]["kind"] == "StatefulSet"


def test_an_added_object_carries_its_role() -> None:
    *services, budget, server = run_manifests_hook(
        hooks(lambda objects: [*objects, BUDGET]), SOURCE, None, OBJECTS, "tuning"
    )
    assert budget["metadata"]["annotations"] == {"llmwright.io/role": "tuning"}
    assert budget["metadata"]["labels"] == {"kaito.sh/workspace": "ws"}
    assert [role_of(item) for item in (*services, server)] == [None, None, None]


def test_objects_are_not_changed_in_place() -> None:
    def spoil(objects: Any) -> Any:
        objects[-1]["spec"]["replicas"] = 7
        return objects

    assert run_manifests_hook(hooks(spoil), SOURCE, None, OBJECTS)[-1]["spec"]["replicas"] == 7
    assert OBJECTS[-1]["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda objects: objects[:-1], "took away StatefulSet ws"),
        (lambda objects: [*objects, {"kind": "Pod"}], "no Kubernetes object"),
        (lambda objects: [*objects, WORKSPACE], r"added a Workspace \(kaito.sh/v1beta1\)"),
        (lambda objects: [*objects, 3], "answered manifests with a int"),
        (lambda objects: 1 / 0, "failed in manifests: ZeroDivisionError"),
    ],
)
def test_an_unusable_answer_is_an_error(function: Any, message: str) -> None:
    with pytest.raises(PluginContract, match=message):
        run_manifests_hook(hooks(function), SOURCE, None, OBJECTS)
