"""What goes wrong with real pods on a real node is told by the Workspace, soon after the pod shows it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from tests.cluster.support.real_node import RealNode
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(2400)]

Object = dict[str, Any]

WITHIN_S = 10.0
"""So long after its pod a Workspace may say what is wrong."""
LABEL = {"apps": "faults"}
FILL = "dd if=/dev/zero of=/fill/up bs=1M count=4000; sleep 3600"


class Patients:
    """Workspaces of ``inference.template`` on the node."""

    def __init__(self, node: RealNode, image: str) -> None:
        self.node, self.plane, self.image = node, node.plane, image

    def apply(self, name: str, *command: str, image: str | None = None, secret: str = "", **more: Any) -> None:
        """Have a pod run ``command``; ``more`` are fields of its container, ``secret`` lets it pull."""
        container = {"name": "main", "image": image or self.image, "command": [*command], **more}
        pod: Object = {"containers": [container], "terminationGracePeriodSeconds": 1}
        if "volumeMounts" in more:
            pod["volumes"] = [{"name": mount["name"], "emptyDir": {}} for mount in more["volumeMounts"]]
        if secret:
            pod["imagePullSecrets"] = [{"name": secret}]
        workspace = {
            "apiVersion": "kaito.sh/v1beta1",
            "kind": "Workspace",
            "metadata": {"name": name, "namespace": "default"},
            "resource": {"labelSelector": {"matchLabels": LABEL}, "provisioner": "byo"},
            "inference": {"template": {"metadata": {"labels": {"app": name}}, "spec": pod}},
        }
        self.plane.apply(workspace)

    def pod(self, name: str) -> Object:
        """Its pod, empty where there is none."""
        return self.plane.fetch(f"/api/v1/namespaces/default/pods/{name}-0") or {"status": {}, "spec": {}}

    def tells_in_time(self, name: str, shows: Callable[[Object], bool], *reasons: str) -> str:
        """Wait until the pod ``shows`` it, then until InferenceReady says it with one of ``reasons``; its message."""
        wait_until(lambda: shows(self.pod(name)), f"the pod of {name} shows it", 120)
        seen = time.monotonic()
        condition: Object = {}

        def tells() -> bool:
            # Read once: a moment later it may be told of the next pod.
            condition.update(self.plane.condition(name, "InferenceReady"))
            return condition["reason"] in reasons

        wait_until(tells, f"{name}: {reasons}", 60)
        took = time.monotonic() - seen
        print(f"{name}: {condition['reason']} {took:.1f} s after its pod: {condition['message']}")
        assert took < WITHIN_S, f"{name} said {reasons} {took:.1f} s after its pod"
        return str(condition["message"])

    def clear(self) -> None:
        """Delete all of them with their pods."""
        self.plane.kubectl("delete", "workspaces", "--all", "--timeout=60s")
        wait_until(lambda: not self.plane.get("pods"), "no pod is left")


@pytest.fixture(scope="module")
def patients(real_node: RealNode) -> Iterator[Patients]:
    real_node.plane.install()
    real_node.label({**LABEL, "nvidia.com/gpu.present": "false"})
    with real_node.plane.operator({"provisioner": "byo"}):
        found = Patients(real_node, real_node.import_busybox())
        yield found
        found.clear()
    real_node.plane.uninstall()


def waits_for(*reasons: str) -> Callable[[Object], bool]:
    def shows(pod: Object) -> bool:
        states = [one.get("state") or {} for one in pod["status"].get("containerStatuses") or []]
        return any((state.get("waiting") or {}).get("reason") in reasons for state in states)

    return shows


def was_killed_for_memory(pod: Object) -> bool:
    for one in pod["status"].get("containerStatuses") or []:
        ended = [(one.get(which) or {}).get("terminated") or {} for which in ("state", "lastState")]
        if any(each.get("reason") == "OOMKilled" for each in ended):
            return True
    return False


def test_a_container_over_its_memory(patients: Patients) -> None:
    memory = {"limits": {"memory": "48Mi"}}
    patients.apply("hungry", "sh", "-c", "x=y; while true; do x=$x$x; done", resources=memory)
    message = patients.tells_in_time("hungry", was_killed_for_memory, "ContainerOOMKilled")
    assert "more memory than it may" in message


def test_an_image_that_is_not_there(patients: Patients) -> None:
    missing = f"{patients.node.registry.host}/nobody/made-it:1"
    patients.node.pull_secret("default")
    patients.apply("nowhere", "sh", image=missing, secret="registry")
    shows = waits_for("ErrImagePull", "ImagePullBackOff")
    assert missing in patients.tells_in_time("nowhere", shows, "ImagePullError")


@pytest.mark.parametrize("secret", ["", "mistyped"])
def test_an_image_that_may_not_be_pulled(patients: Patients, secret: str) -> None:
    image = patients.node.push_busybox("private/tools:1")
    if secret:
        patients.node.pull_secret("default", secret, password="another")
    name = f"denied-{secret or 'unknown'}"
    patients.apply(name, "sh", image=image, secret=secret)
    shows = waits_for("ErrImagePull", "ImagePullBackOff")
    message = patients.tells_in_time(name, shows, "ImagePullError")
    assert image in message
    assert "401" in message


def test_a_node_that_is_drained(patients: Patients) -> None:
    patients.apply("moved", "sleep", "3600")
    wait_until(lambda: patients.pod("moved")["status"].get("phase") == "Running", "it runs", 60)
    kubectl = patients.plane.kubectl
    kubectl("drain", patients.node.name, "--pod-selector=app=moved", "--force", "--timeout=60s")
    try:

        def is_out(pod: Object) -> bool:
            return pod["status"].get("phase") == "Pending" and "nodeName" not in pod["spec"]

        message = patients.tells_in_time("moved", is_out, "Unschedulable")
        assert "unschedulable" in message
    finally:
        kubectl("uncordon", patients.node.name)
    wait_until(lambda: patients.pod("moved")["status"].get("phase") == "Running", "it runs again", 60)


QUOTA = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "tight", "namespace": "default"}}


@pytest.fixture
def no_room(patients: Patients) -> Iterator[Callable[[], None]]:
    """Has a quota let nobody in, until the test ends."""
    quota = "/api/v1/namespaces/default/resourcequotas/tight"

    def limit() -> None:
        patients.plane.apply({**QUOTA, "spec": {"hard": {"pods": "0"}}})
        wait_until(lambda: (patients.plane.fetch(quota) or {}).get("status", {}).get("used"), "it is counted")

    yield limit
    patients.plane.kubectl("delete", "resourcequota", "tight", "--ignore-not-found")


def is_refused(patients: Patients, pod: str) -> Callable[[Object], bool]:
    def shows(_: Object) -> bool:
        events = patients.plane.get("events", "--field-selector=reason=FailedCreate")
        return any(pod in one["message"] and "exceeded quota" in one["message"] for one in events)

    return shows


def test_a_quota_that_is_used_up_before_the_pod(patients: Patients, no_room: Callable[[], None]) -> None:
    no_room()
    patients.apply("late", "sleep", "3600")
    assert "tight" in patients.tells_in_time("late", is_refused(patients, "late-0"), "QuotaExceeded")
    patients.plane.kubectl("delete", "resourcequota", "tight")
    wait_until(lambda: patients.pod("late")["status"].get("phase") == "Running", "it goes on by itself", 120)


def test_a_quota_that_keeps_a_new_pod_from_an_old_server(patients: Patients, no_room: Callable[[], None]) -> None:
    patients.apply("replaced", "sleep", "3600")
    wait_until(lambda: patients.pod("replaced")["status"].get("phase") == "Running", "it runs", 60)
    no_room()
    patients.plane.kubectl("delete", "pod", "replaced-0", "--grace-period=1")
    assert "tight" in patients.tells_in_time("replaced", is_refused(patients, "replaced-0"), "QuotaExceeded")


def test_a_pod_that_writes_more_than_it_may(patients: Patients) -> None:
    mounts = [{"name": "fill", "mountPath": "/fill"}]
    least = {"limits": {"ephemeral-storage": "64Mi"}}
    patients.apply("greedy", "sh", "-c", FILL.replace("4000", "200"), volumeMounts=mounts, resources=least)
    evicted = "/api/v1/namespaces/default/events"

    def is_evicted(_: Object) -> bool:
        events = (patients.plane.fetch(evicted) or {"items": []})["items"]
        return any(one["reason"] == "Evicted" and one["involvedObject"]["name"] == "greedy-0" for one in events)

    message = patients.tells_in_time("greedy", is_evicted, "PodEvicted")
    assert "ephemeral" in message


def test_a_disk_that_is_full(patients: Patients) -> None:
    mounts = [{"name": "fill", "mountPath": "/fill"}]
    patients.apply("filling", "sh", "-c", FILL, volumeMounts=mounts)
    running = wait_until(lambda: _uid_of_running(patients.pod("filling")), "it runs", 60)

    def is_evicted(pod: Object) -> bool:
        # Its controller puts another in its place at once.
        return pod["status"].get("reason") == "Evicted" or _uid(pod) != running

    message = patients.tells_in_time("filling", is_evicted, "NodeDiskPressure", "PodEvicted")
    assert "filling-0" in message


def _uid(pod: Object) -> str:
    return str((pod.get("metadata") or {}).get("uid", ""))


def _uid_of_running(pod: Object) -> str:
    return _uid(pod) if pod["status"].get("phase") == "Running" else ""
