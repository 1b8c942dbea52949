"""What a runtime brings beside the core's objects, and in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import pytest

from llmwright.errors import PluginContract
from llmwright.plugins.drivers import Names
from llmwright.targets.kubernetes.manifests import serving_objects
from llmwright.targets.kubernetes.manifests.object_metadata import identity, role_of
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeRuntime
from llmwright.values.launch import Launch
from llmwright.values.nodes import Watch

from .conftest import NODES, SERVER

DEMO = Watch(group="demo.example.com", version="v1", plural="demos")


class Bringing(FakeRuntime):
    """Brings whatever it is told to."""

    brings: ClassVar[tuple[Any, ...]] = ()

    def objects(self, launch: Launch, names: Names) -> Iterator[Mapping[str, Any]]:
        """Each as it is, with the pod that it was given."""
        for one in self.brings:
            yield {**one, "spec": {"pod": names.pod, "nodes": names.nodes}}


class Other(Bringing):
    """Serves by a kind of its own."""

    serves_as = DEMO


def made(kind: type[Bringing], rendering: Any, *brings: Any) -> Any:
    runtime = kind(make_context())
    runtime.brings = brings  # type: ignore[misc]
    written = rendering(inference={"preset": {"name": "phi-4"}})
    return serving_objects(replace(written, runtime=runtime), SERVER, NODES)


def named(kind: str, version: str = "v1", name: str = "ws", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **more}}


def test_what_it_adds_is_there_before_the_server(rendering: Any) -> None:
    found = made(Bringing, rendering, named("ConfigMap", name="ws-notes", namespace="elsewhere"))
    assert [one["kind"] for one in found] == ["Service", "Service", "ConfigMap", "StatefulSet"]
    notes, server = found[2:]
    assert role_of(notes) == "serving"
    assert notes["metadata"]["namespace"] == "ns"
    assert notes["metadata"]["ownerReferences"] == server["metadata"]["ownerReferences"]
    assert notes["spec"] == {"pod": server["spec"]["template"], "nodes": 1}


def test_one_of_a_cores_kind_and_name_takes_its_place(rendering: Any) -> None:
    found = made(Bringing, rendering, named("StatefulSet", "apps/v1"), named("Service"))
    assert [identity(one) for one in found] == [
        ("v1", "Service", "ws"), ("v1", "Service", "ws-headless"), ("apps/v1", "StatefulSet", "ws")
    ]  # fmt: skip
    assert found[0]["spec"]["nodes"] == found[2]["spec"]["nodes"] == 1
    assert found[2]["metadata"]["annotations"]["llmwright.io/launch"] == SERVER.digest
    assert [role_of(one) for one in found] == [None, None, None]


def test_a_kind_of_its_own_serves_in_the_statefulsets_place(rendering: Any) -> None:
    found = made(Other, rendering, named("Demo", "demo.example.com/v1"))
    assert [one["kind"] for one in found] == ["Service", "Service", "Demo"]
    annotations = found[-1]["metadata"]["annotations"]
    assert annotations["llmwright.io/launch"] == SERVER.digest
    assert annotations["llmwright.io/role"] == "serving"


@pytest.mark.parametrize(
    ("brings", "message"),
    [
        ((named("Demo", "demo.example.com/v1", "another"),), "brings no object of demo.example.com/v1 named ws"),
        (({"kind": "Demo"},), "no Kubernetes object"),
        ((named("Workspace", "kaito.sh/v1beta1"),), "added a Workspace"),
        ((3,), "failed in objects: TypeError"),
    ],
)
def test_a_runtime_that_does_not_do_what_it_says_is_an_error(rendering: Any, brings: Any, message: str) -> None:
    with pytest.raises(PluginContract, match=message):
        made(Other, rendering, *brings)
