"""The hook ``manifests``: it may change much, and not whose the objects are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from llmwright.errors import PluginContract
from llmwright.plugins.discovery import Found
from llmwright.plugins.hooks import HookPlugin, Hooks
from llmwright.targets.kubernetes.manifests import run_manifests_hook, serving_objects
from llmwright.targets.kubernetes.manifests.object_metadata import role_of

from .conftest import NODES, SERVER

WORKSPACE = {"apiVersion": "kaito.sh/v1beta1", "kind": "Workspace", "metadata": {"name": "more"}}
BUDGET = {"apiVersion": "policy/v1", "kind": "PodDisruptionBudget", "metadata": {"name": "more"}}


def hooks(*looks: Callable[[Any], Any]) -> Hooks:
    """Plugins that answer with what each of ``looks`` makes of the objects."""
    names = [f"plugin-{number}" for number, _ in enumerate(looks)]
    by_name = dict(zip(names, looks, strict=True))
    plugins = [HookPlugin(found(name), frozenset({"manifests"})) for name in names]
    return Hooks(plugins, [], lambda _, at, arguments: [by_name[at.name](arguments["objects"])], print)


def found(name: str) -> Found:
    return Found(kind="hook", name=name, target=name, distribution=name, version="1", interface=1)


def rendered(rendering: Any) -> Any:
    made = rendering(inference={"preset": {"name": "phi-4"}})
    return made, serving_objects(made, SERVER, NODES)


def test_each_sees_what_the_one_before_made(rendering: Any) -> None:
    made, objects = rendered(rendering)

    def label(given: Any) -> Any:
        return [{**one, "metadata": {**one["metadata"], "labels": {"team": "a"}}} for one in given]

    def count(given: Any) -> Any:
        assert all(one["metadata"]["labels"] == {"team": "a"} for one in given)
        return ()

    after = run_manifests_hook(hooks(label, count), made, None, objects)
    assert all(one["metadata"]["labels"] == {"team": "a", "kaito.sh/workspace": "ws"} for one in after)
    assert [one["kind"] for one in after] == [one["kind"] for one in objects]


def test_what_is_added_belongs_to_the_workspace(rendering: Any) -> None:
    made, objects = rendered(rendering)
    more = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "more", "namespace": "x"}}
    after = run_manifests_hook(hooks(lambda given: [*given, more]), made, None, objects)
    added = after[-2]
    assert added["metadata"]["ownerReferences"] == objects[0]["metadata"]["ownerReferences"]
    assert (added["metadata"]["name"], added["metadata"]["namespace"]) == ("more", "ns")
    assert after[-1]["kind"] == "StatefulSet"


def test_what_is_added_goes_with_its_role_whatever_its_kind(rendering: Any) -> None:
    made, objects = rendered(rendering)
    *services, budget, server = run_manifests_hook(hooks(lambda given: [*given, BUDGET]), made, None, objects, "tuning")
    assert budget["metadata"]["annotations"] == {"llmwright.io/role": "tuning"}
    assert budget["metadata"]["labels"] == {"kaito.sh/workspace": "ws"}
    assert [role_of(one) for one in (*services, server)] == [None, None, None]


def test_objects_are_not_changed_in_place(rendering: Any) -> None:
    made, objects = rendered(rendering)

    def spoil(given: Any) -> Any:
        given[-1]["spec"]["replicas"] = 7
        return given

    assert run_manifests_hook(hooks(spoil), made, None, objects)[-1]["spec"]["replicas"] == 7
    assert objects[-1]["spec"]["replicas"] == 1


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (lambda given: given[:-1], "took away StatefulSet ws"),
        (lambda given: [*given, {"kind": "Pod"}], "no Kubernetes object"),
        (lambda given: [*given, WORKSPACE], r"added a Workspace \(kaito.sh/v1beta1\)"),
        (lambda given: [*given, 3], "answered manifests with a int"),
        (lambda given: 1 / 0, "failed in manifests: ZeroDivisionError"),
    ],
)
def test_a_look_that_cannot_be_used_is_an_error(rendering: Any, look: Any, message: str) -> None:
    made, objects = rendered(rendering)
    with pytest.raises(PluginContract, match=message):
        run_manifests_hook(hooks(look), made, None, objects)
