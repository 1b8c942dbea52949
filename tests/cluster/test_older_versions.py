"""What older versions of this repository carried out goes on with today's definition and operator."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from tests.cluster.support.older_version import FOLDER, NAMES, PREFIX, OlderVersion, bring_nodes, define, read, restore
from tests.cluster.support.operating import SETTINGS, Shift
from tests.cluster.support.reviewing import Requests
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

from llmwright.api.crd import crd
from llmwright.testing.cluster import Cluster
from llmwright.testing.cluster.installation import rights

pytestmark = [pytest.mark.cluster, pytest.mark.slow]

Object = dict[str, Any]

SERVERS = [f"{PREFIX}{name}" for name in NAMES if name != "tunes"]
PRESETS = [f"{PREFIX}{name}" for name in ("serves", "alpha", "two")]
REFUSED_TODAY = ("odd-config", "odd-count", "odd-dots.in-it", "odd-two-sources")
"""What the oldest version accepted, and today's definition refuses of a new Workspace."""
CONFIG: Object = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "engine", "namespace": "default"},
    "data": {"inference_config.yaml": "vllm: {max-num-seqs: 7}"},
}


@pytest.fixture
def requests(plane: Cluster) -> Iterator[Requests]:
    found = Requests(plane)
    yield found
    found.close()


@pytest.fixture(scope="module", params=sorted(each.name for each in FOLDER.iterdir()))
def older(request: pytest.FixtureRequest) -> OlderVersion:
    return read(request.param)


@pytest.fixture
def carried_on(older: OlderVersion, plane: Cluster, shift: Shift, requests: Requests) -> Iterator[Workspaces]:
    """What that version left, with its servers running, and nobody who looks after them."""
    shift.off()
    found = Workspaces(plane)
    found.names += [f"{PREFIX}{name}" for name in older.workspaces]
    try:
        bring_nodes(found)
        restore(plane, requests, older)
        wait_until(lambda: all(answering(plane, name) for name in SERVERS), "the servers run", 120.0)
        yield found
        found.clear()
    finally:
        found.abandon()
        shift.off()
        define(plane, crd())


def test_it_goes_on_and_can_be_edited_scaled_and_deleted(
    older: OlderVersion, carried_on: Workspaces, plane: Cluster, shift: Shift, requests: Requests
) -> None:
    before = standing(plane)
    plane.apply(crd(), *rights(), CONFIG)
    strange = [each for name, each in older.workspaces.items() if name in REFUSED_TODAY]
    wait_until(lambda: all(refused(requests, each) for each in strange), "today's definition refuses what it would not")
    shift.on(SETTINGS, {})
    goes_on(carried_on)
    assert standing(plane) == before, "nothing restarted"
    labelled(requests, older)
    edited(carried_on, plane)
    scaled(carried_on, plane)
    ended(carried_on, requests, older)


def refused(requests: Requests, stored: Object) -> bool:
    """Whether one like it would not be accepted now."""
    new = {key: part for key, part in stored.items() if key not in ("metadata", "status")}
    about = {"name": f"{stored['metadata']['name']}-again", "namespace": "default"}
    return requests.create({**new, "metadata": about}).code == 422


def goes_on(found: Workspaces) -> None:
    """Each has a verdict of today's operator; servers go on, and say that they would be rendered otherwise."""
    for name in found.names:
        wait_until(lambda name=name: seen(found, name), f"{name} has a verdict")  # type: ignore[misc]
    for name in SERVERS:
        found.until(name, "Ready")
    found.until(f"{PREFIX}tunes", "WorkspaceSucceeded")
    assert found.condition(f"{PREFIX}waits", "ResourceReady")[0] != "True"
    for name in PRESETS:
        found.until(name, "UpdateAvailable")


def seen(found: Workspaces, name: str) -> bool:
    """Whether today's operator has looked at it as it stands: older ones did not say which one they meant."""
    workspace = found.get(name)
    return bool((workspace.get("status") or {}).get("observedGeneration") == workspace["metadata"]["generation"])


def labelled(requests: Requests, older: OlderVersion) -> None:
    """Each can be labelled, also where a new one like it is refused."""
    for name, workspace in older.workspaces.items():
        said = requests.merge(workspace, {"metadata": {"labels": {"team": "search"}}})
        assert said.code == 200, (name, said.message)


def edited(found: Workspaces, plane: Cluster) -> None:
    """An edit reaches the server that it is for."""
    name = f"{PREFIX}serves"
    before = answering(plane, name)
    plane.kubectl("patch", "workspace", name, "--type=merge", "-p", '{"inference": {"config": "engine"}}')
    wait_until(lambda: answering(plane, name) not in ({}, before), "another pod answers", 120.0)
    found.until(name, "Ready")
    found.node(f"{PREFIX}waits-0", f"{PREFIX}waits")
    found.until(f"{PREFIX}waits", "Ready")


def scaled(found: Workspaces, plane: Cluster) -> None:
    """One is scaled by the subresource, which its own version may not have had."""
    name = f"{PREFIX}alpha"
    first = answering(plane, name)
    found.node(f"{name}-1", name)
    plane.kubectl("scale", f"workspace/{name}", "--replicas=2")
    wait_until(lambda: len(answering(plane, name)) == 2, "two copies answer", 120.0)
    found.until(name, "Ready")
    assert answering(plane, name).items() > first.items(), "the first copy was left alone"
    plane.kubectl("scale", f"workspace/{name}", "--replicas=1")
    wait_until(lambda: answering(plane, name) == first, "the first copy is left", 120.0)


def ended(found: Workspaces, requests: Requests, older: OlderVersion) -> None:
    """Each goes with all that it had."""
    for name, workspace in older.workspaces.items():
        assert requests.delete(workspace).code == 200, name
    wait_until(found.gone(), "all are gone, and their finalizers with them", 120.0)


def answering(plane: Cluster, name: str) -> dict[str, str]:
    """The pods of a Workspace that are ready, with their uids."""
    listed = plane.fetch(f"/api/v1/namespaces/default/pods?labelSelector=kaito.sh/workspace={name}")
    assert listed is not None
    return {
        each["metadata"]["name"]: each["metadata"]["uid"]
        for each in listed["items"]
        if "deletionTimestamp" not in each["metadata"]
        for one in each["status"].get("conditions") or ()
        if (one["type"], one["status"]) == ("Ready", "True")
    }


def standing(plane: Cluster) -> dict[str, tuple[str, int]]:
    """Uid and generation of each StatefulSet and Job, and the uid of each pod."""
    found = {}
    for path in ("apis/apps/v1/namespaces/default/statefulsets", "apis/batch/v1/namespaces/default/jobs",
                 "api/v1/namespaces/default/pods"):  # fmt: skip
        listed = plane.fetch(f"/{path}")
        assert listed is not None
        for each in listed["items"]:
            about = each["metadata"]
            found[f"{path}/{about['name']}"] = (about["uid"], about.get("generation", 0))
    return found
