"""Objects that a runtime adds to the core's, or puts in their place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, render_input

from llmwright.errors import PluginContract
from llmwright.plugins.drivers import Names
from llmwright.targets.kubernetes.manifests import serving_objects
from llmwright.targets.kubernetes.manifests.object_metadata import identity, role_of
from llmwright.testing import make_context
from llmwright.testing.fakes import FakeRuntime
from llmwright.testing.presets import make_instance_type
from llmwright.values.launch import Launch
from llmwright.values.nodes import Watch

DEMO = Watch(group="demo.example.com", version="v1", plural="demos")


class AddingRuntime(FakeRuntime):
    """Adds the objects of ``added``."""

    added: tuple[Any, ...] = ()

    def objects(self, launch: Launch, names: Names) -> Iterator[Mapping[str, Any]]:
        """Yield each with the pod that was passed in."""
        for manifest in self.added:
            yield {**manifest, "spec": {"pod": names.pod, "nodes": names.nodes}}


class DemoRuntime(AddingRuntime):
    """Serves with a kind of its own."""

    serves_as = DEMO


def serving_with(kind: type[AddingRuntime], *added: Any) -> Any:
    runtime = kind(make_context())
    runtime.added = added
    return serving_objects(replace(render_input(), runtime=runtime), SERVER, NODES)


def manifest_of(kind: str, version: str = "v1", name: str = "ws", **more: Any) -> dict[str, Any]:
    return {"apiVersion": version, "kind": kind, "metadata": {"name": name, **more}}


def test_added_objects_come_before_the_server() -> None:
    objects = serving_with(AddingRuntime, manifest_of("ConfigMap", name="ws-notes", namespace="elsewhere"))
    assert [manifest["kind"] for manifest in objects] == ["Service", "Service", "ConfigMap", "StatefulSet"]
    notes, server = objects[2:]
    assert role_of(notes) == "serving"
    assert notes["metadata"]["namespace"] == "ns"
    assert notes["metadata"]["ownerReferences"] == server["metadata"]["ownerReferences"]
    assert notes["spec"] == {"pod": server["spec"]["template"], "nodes": 1}


def test_an_object_with_kind_and_name_of_a_core_object_replaces_it() -> None:
    objects = serving_with(AddingRuntime, manifest_of("StatefulSet", "apps/v1"), manifest_of("Service"))
    assert [identity(manifest) for manifest in objects] == [
        ("v1", "Service", "ws"), ("v1", "Service", "ws-headless"), ("apps/v1", "StatefulSet", "ws")
    ]  # fmt: skip
    assert objects[0]["spec"]["nodes"] == objects[2]["spec"]["nodes"] == 1
    assert objects[2]["metadata"]["annotations"]["llmwright.io/launch"] == SERVER.digest
    assert [role_of(manifest) for manifest in objects] == [None, None, None]


def test_a_runtime_s_own_kind_replaces_the_statefulset() -> None:
    objects = serving_with(DemoRuntime, manifest_of("Demo", "demo.example.com/v1"))
    assert [manifest["kind"] for manifest in objects] == ["Service", "Service", "Demo"]
    annotations = objects[-1]["metadata"]["annotations"]
    assert annotations["llmwright.io/launch"] == SERVER.digest
    assert annotations["llmwright.io/role"] == "serving"


def test_a_claim_for_weights_comes_and_goes_with_the_pod_that_a_runtime_makes() -> None:
    machine = make_instance_type(nvme=True)
    nodes = replace(NODES, instance_type=machine, disk_bytes=3 << 30)
    runtime = DemoRuntime(make_context())
    runtime.added = (manifest_of("Demo", "demo.example.com/v1"),)
    source = replace(render_input({"disk_class": "fast"}), runtime=runtime)
    pod = serving_objects(source, SERVER, nodes)[-1]["spec"]["pod"]
    volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
    claim = volumes["model-weights-volume"]["ephemeral"]["volumeClaimTemplate"]
    assert claim["metadata"]["labels"] == {"kaito.sh/workspace": "ws"}
    assert claim["spec"]["storageClassName"] == "fast"
    assert {mount["name"] for mount in pod["spec"]["containers"][0]["volumeMounts"]} == volumes.keys()


def test_the_service_leads_to_the_pods_that_a_runtime_says_answer() -> None:
    class Answering(DemoRuntime):
        serves_as = replace(DEMO, endpoint_labels={"demo.example.com/answers": "yes"})

    objects = serving_with(Answering, manifest_of("Demo", "demo.example.com/v1"))
    assert objects[0]["spec"]["selector"] == {"kaito.sh/workspace": "ws", "demo.example.com/answers": "yes"}
    assert objects[1]["spec"]["selector"] == {"kaito.sh/workspace": "ws"}


@pytest.mark.parametrize(
    ("added", "message"),
    [
        ((manifest_of("Demo", "demo.example.com/v1", "another"),), "brings no object of demo.example.com/v1 named ws"),
        (({"kind": "Demo"},), "no Kubernetes object"),
        ((manifest_of("Workspace", "kaito.sh/v1beta1"),), "added a Workspace"),
        ((3,), "failed in objects: TypeError"),
    ],
)
def test_a_runtime_that_breaks_its_contract_is_an_error(added: Any, message: str) -> None:
    with pytest.raises(PluginContract, match=message):
        serving_with(DemoRuntime, *added)
