"""The API server refuses an object that is called after a Workspace exactly where ``check`` refuses the Workspace."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from core.tests.targets.kubernetes.support.rendered import NODES, SERVER, TUNING, render_input

from llmwright.api.crd import crd
from llmwright.api.workspace import Workspace
from llmwright.check.admission import check_workspace
from llmwright.check.check_input import CheckInput
from llmwright.targets.kubernetes.manifests import preflight_objects, serving_objects, tuning_objects
from llmwright.testing.cluster import Cluster
from llmwright.values.launch import Launch, Process

pytestmark = pytest.mark.cluster

Object = dict[str, Any]

JOB = Launch(main=Process(name="tune", argv=("tune",), image="workload", gpus=1))
NAMES = [*("a" * length for length in range(1, 65)), "1demo", "1", "a.b", "a-b", "a1", "a-", "-a", "A", "a" * 52 + "1"]


def objects(name: str, tuning: bool) -> Iterator[Object]:
    """All objects of a Workspace of that name, and the pods that controllers make of them, with their labels."""
    about = {"name": name, "namespace": "default", "uid": "1-2"}
    if tuning:
        source = render_input(metadata=about, tuning={**TUNING, "onSuccess": "release"})
        yield from (*preflight_objects(source, JOB), *tuning_objects(source, JOB, NODES))
        return
    rendered = serving_objects(render_input(metadata=about), SERVER, NODES)
    yield from rendered
    server = rendered[-1]
    template, pod = server["spec"]["template"], f"{name}-0"
    labels = {"controller-revision-hash": f"{name}-{'5' * 10}", "statefulset.kubernetes.io/pod-name": pod}
    metadata = {"name": pod, "namespace": "default", "labels": {**template["metadata"]["labels"], **labels}}
    spec = {**template["spec"], "hostname": pod, "subdomain": server["spec"]["serviceName"]}
    volumes = [{"name": "model-weights-volume", "emptyDir": {}}] if "volumeClaimTemplates" in server["spec"] else []
    spec["volumes"] = [*spec.get("volumes", []), *volumes]
    yield {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def workspace(name: str, tuning: bool) -> Object:
    part: Object = (
        {"tuning": {**TUNING, "onSuccess": "release"}} if tuning else {"inference": {"preset": {"name": "p"}}}
    )
    return {
        "apiVersion": "kaito.sh/v1beta1",
        "kind": "Workspace",
        "metadata": {"name": name, "namespace": "default"},
        "resource": {"instanceType": "m", "labelSelector": {"matchLabels": {"apps": "x"}}},
        **part,
    }


def refused_by_check(name: str, tuning: bool) -> bool:
    found = check_workspace(CheckInput(written=Workspace.model_validate(workspace(name, tuning))))
    return any(problem.path == "metadata.name" and problem.severity == "error" for problem in found)


def refused_names(plane: Cluster, items: dict[str, list[Object]]) -> set[str]:
    """The names of which the API server refuses an object, without making any."""
    marked = [
        {**item, "metadata": {**{k: v for k, v in item["metadata"].items() if k != "ownerReferences"}}}
        for parts in items.values()
        for item in parts
    ]
    listed = json.dumps({"apiVersion": "v1", "kind": "List", "items": marked})
    said = plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=listed, check=False)
    lines = [line for line in said.splitlines() if "is invalid" in line]
    owners = {item["metadata"]["name"]: name for name, parts in items.items() for item in parts}
    return {owner for made, owner in owners.items() if any(f'"{made}" is invalid' in line for line in lines)}


@pytest.mark.parametrize("tuning", [False, True], ids=["serving", "tuning"])
def test_check_refuses_a_name_where_the_api_server_would_refuse_an_object(control_plane: Cluster, tuning: bool) -> None:
    items = {name: list(objects(name, tuning)) for name in NAMES}
    assert {name for name in NAMES if refused_by_check(name, tuning)} == refused_names(control_plane, items)


def test_the_crd_refuses_a_name_after_which_no_object_can_be_called(control_plane: Cluster) -> None:
    control_plane.apply(crd())
    control_plane.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")
    names = ("a" * 52, "a" * 53, "a" * 54, "a" * 63, "1demo", "demo1", "a.b")

    def refused(tuning: bool, **more: str) -> set[str]:
        items = {name: workspace(name, tuning) for name in names}
        for item in items.values():
            item.get("tuning", {}).update(more)
        return refused_names(control_plane, {name: [item] for name, item in items.items()})

    assert refused(tuning=False) == {"a" * 53, "a" * 54, "a" * 63, "1demo", "a.b"}
    assert refused(tuning=True, onSuccess="serve") == {"a" * 53, "a" * 54, "a" * 63, "1demo", "a.b"}
    assert refused(tuning=True, onSuccess="release") == {"a" * 54, "a" * 63, "a.b"}


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("input", {"name": "d"}, "exactly one of urls, image, volumeSource"),
        ("input", {"urls": ["https://a.example/d"], "image": "r.io/a:1"}, "exactly one of urls, image, volumeSource"),
        ("input", {"urls": [], "image": "r.io/a:1"}, ""),
        ("output", {}, "exactly one of image and volumeSource"),
        ("output", {"image": "r.io/a:1"}, "imagePushSecret is required"),
        ("output", {"volumeSource": {"emptyDir": {}}}, ""),
        ("preset", None, "which model to tune"),
        ("method", "", "method is required"),
    ],
)
def test_the_crd_refuses_a_tuning_without_what_it_needs(
    control_plane: Cluster, field: str, value: Any, said: str
) -> None:
    control_plane.apply(crd())
    control_plane.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")
    written = workspace("t", tuning=True)
    written["tuning"] = {name: part for name, part in {**written["tuning"], field: value}.items() if part is not None}
    answer = control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(written), check=False)
    assert (said in answer) if said else ("created" in answer), answer


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"inference": {}}, "exactly one of preset and template"),
        ({"resource": {"count": 0, "labelSelector": {"matchLabels": {"apps": "x"}}}}, "greater than or equal to 1"),
    ],
)
def test_the_crd_refuses_what_check_refuses(control_plane: Cluster, change: Object, said: str) -> None:
    control_plane.apply(crd())
    control_plane.kubectl("wait", "--for=condition=Established", "crd/workspaces.kaito.sh", "--timeout=60s")
    written = {**workspace("s", tuning=False), **change}
    assert any(problem.severity == "error" for problem in check_workspace(CheckInput(written=_read(written))))
    answer = control_plane.kubectl("create", "--dry-run=server", "-f", "-", stdin=json.dumps(written), check=False)
    assert said in answer, answer


def _read(written: Object) -> Workspace:
    return Workspace.model_validate(written)
