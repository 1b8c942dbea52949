"""Who else writes to the children of a Workspace: users, autoscalers, and those who put finalizers on it."""

from __future__ import annotations

from typing import Any

import pytest
from tests.cluster.support.workspaces import Workspaces
from tests.support.waiting import wait_until

pytestmark = pytest.mark.cluster

OTHERS = "example.com/keeps-it"


def replicas(workspaces: Workspaces, name: str) -> Any:
    """How many the StatefulSet is asked to have."""
    return (workspaces.one("statefulset", name) or {"spec": {"replicas": None}})["spec"]["replicas"]


def autoscaler(name: str, least: int) -> dict[str, Any]:
    """One that keeps at least that many; KEDA makes just such an object of a ScaledObject."""
    target = {"apiVersion": "apps/v1", "kind": "StatefulSet", "name": name}
    metric = {
        "type": "External",
        "external": {"metric": {"name": "waiting"}, "target": {"type": "Value", "value": "1"}},
    }
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": {"name": f"keda-hpa-{name}", "namespace": "default"},
        "spec": {"scaleTargetRef": target, "minReplicas": least, "maxReplicas": least + 2, "metrics": [metric]},
    }


def test_what_a_user_changes_is_put_back(workspaces: Workspaces) -> None:
    workspaces.node("edit-node", "edit")
    workspaces.apply(workspaces.inference("edit"))
    workspaces.until("edit", "Ready")
    plane = workspaces.plane
    plane.kubectl("delete", "service", "edit-headless")
    plane.kubectl("set", "image", "statefulset/edit", "edit=example.com/other:1")
    plane.kubectl("scale", "statefulset/edit", "--replicas=0")

    def is_back() -> bool:
        server = workspaces.one("statefulset", "edit") or {"spec": {"replicas": 0}}
        if workspaces.one("service", "edit-headless") is None or server["spec"]["replicas"] != 1:
            return False
        return bool(server["spec"]["template"]["spec"]["containers"][0]["image"] != "example.com/other:1")

    wait_until(is_back, "service, image and replicas are back", timeout_s=30.0)
    workspaces.until("edit", "Ready")


def test_replicas_are_an_autoscalers_for_as_long_as_there_is_one(workspaces: Workspaces) -> None:
    plane = workspaces.plane
    workspaces.node("scaled-node", "scaled", gpus=3)
    workspaces.apply(workspaces.inference("scaled"))
    workspaces.until("scaled", "Ready")
    plane.apply(autoscaler("scaled", 2))
    wait_until(lambda: replicas(workspaces, "scaled") == 2, "the autoscaler sets its number")
    # What is not the autoscaler's is put back, and its number stays.
    plane.kubectl("set", "image", "statefulset/scaled", "scaled=example.com/other:1")
    wait_until(lambda: "example.com/other:1" not in str(workspaces.one("statefulset", "scaled")), "the image is back")
    assert replicas(workspaces, "scaled") == 2
    # KEDA itself writes the 0 of a service that nobody asks.
    plane.kubectl("scale", "statefulset/scaled", "--replicas=0")
    workspaces.until("scaled", "Ready", "False")
    plane.kubectl("set", "image", "statefulset/scaled", "scaled=example.com/other:2")
    wait_until(lambda: "example.com/other:2" not in str(workspaces.one("statefulset", "scaled")), "the image is back")
    assert replicas(workspaces, "scaled") == 0
    plane.kubectl("delete", "hpa", "keda-hpa-scaled")
    wait_until(lambda: replicas(workspaces, "scaled") == 1, "the Workspace's own number is back")
    workspaces.until("scaled", "Ready")


def test_a_finalizer_of_somebody_else_holds_nobody_up(workspaces: Workspaces) -> None:
    plane = workspaces.plane
    for name in ("held", "free"):
        workspaces.node(f"{name}-node", name)
    held = workspaces.inference("held")
    held["metadata"]["finalizers"] = [OTHERS]
    workspaces.apply(held)
    workspaces.until("held", "Ready")
    plane.kubectl("delete", "workspace", "held", "--wait=false")
    wait_until(lambda: workspaces.get("held")["metadata"]["finalizers"] == [OTHERS], "ours is off")
    assert workspaces.one("statefulset", "held") is None
    workspaces.apply(workspaces.inference("free"))
    workspaces.until("free", "Ready")
    assert workspaces.one("statefulset", "held") is None
    plane.kubectl("patch", "workspace", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}')
    wait_until(lambda: workspaces.one("workspace", "held") is None, "it goes")
