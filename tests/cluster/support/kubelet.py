"""The part of a kubelet, played by a test: what it says of its machine and of the pods on it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from tests.support.waiting import wait_until

from llmwright.testing.cluster import Cluster

Object = dict[str, Any]

RUNNING: Object = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
CAUSES = {"DiskPressure": "KubeletHasDiskPressure", "MemoryPressure": "KubeletHasInsufficientMemory"}


def waits(reason: str, message: str = "") -> Object:
    """The state of a container that cannot start."""
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "Error", message: str = "") -> Object:
    """The state of a container that has ended."""
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


@dataclass
class Kubelet:
    """Of one node that no program cares for; ``Workspaces.node`` makes such a one with ``fake=False``.

    It takes pods once it said ``ready``. The node's lease is never renewed, so the controller manager gives the node up
    when nothing was said for 50 s.
    """

    plane: Cluster
    node: str

    def ready(self, *pressures: str) -> None:
        """All is well, but for these pressures; the controller manager keeps pods away or lets them in again."""
        reasons = [(kind, "True" if kind in pressures else "False", reason) for kind, reason in CAUSES.items()]
        self._node_says([("Ready", "True", "KubeletReady"), *reasons])
        wait_until(lambda: self._is_tainted() == bool(pressures), f"{self.node} is tainted for {pressures}")

    def silent(self) -> None:
        """What the controller manager writes of a kubelet that it does not hear from."""
        self._node_says([("Ready", "Unknown", "NodeStatusUnknown")])

    def serves(self, pod: str) -> None:
        """All containers run and are ready."""
        self._pod_says(pod, "Running", "True", RUNNING)

    def runs_at(self, pod: str, address: str) -> None:
        """The main container runs at an address, and is not ready."""
        self._pod_says(pod, "Running", "False", RUNNING, podIP=address, podIPs=[{"ip": address}])

    def prepares_at(self, pod: str, address: str, step: str) -> None:
        """The init container ``step`` runs at an address, after those before it; the others wait."""
        steps = [one["name"] for one in self.has(pod)["spec"]["initContainers"]]
        before = dict.fromkeys(steps[: steps.index(step)], ended(0, "Completed"))
        self._pod_says(
            pod, "Pending", "False", waits("PodInitializing"), steps={**before, step: RUNNING},
            podIP=address, podIPs=[{"ip": address}],
        )  # fmt: skip

    def holds(self, pod: str, state: Object, last: Object | None = None) -> None:
        """The main container is in that state and not ready, after it was in another before."""
        phase = "Running" if last else "Pending"
        self._pod_says(pod, phase, "False", state, last)

    def cannot_mount(self, pod: str, message: str) -> None:
        """The containers of a pod cannot begin for want of a volume."""
        about = self.has(pod)["metadata"]
        self._patch("pod", pod, {"phase": "Pending", "conditions": [_condition("PodReadyToStartContainers", "False")]})
        involved = {"apiVersion": "v1", "kind": "Pod", "name": pod, "namespace": "default", "uid": about["uid"]}
        said = {"type": "Warning", "reason": "FailedMount", "message": message, "lastTimestamp": _now()}
        metadata = {"name": f"{pod}.mount", "namespace": "default"}
        self.plane.apply(
            {"apiVersion": "v1", "kind": "Event", "metadata": metadata, "involvedObject": involved, **said}
        )

    def finishes(self, pod: str, state: Object) -> None:
        """The pod is over, and how."""
        good = state["terminated"]["exitCode"] == 0
        self._pod_says(pod, "Succeeded" if good else "Failed", "False", state)

    def evicts(self, pod: str, message: str) -> None:
        """The pod had to go."""
        self._patch("pod", pod, {"phase": "Failed", "reason": "Evicted", "message": message})

    def has(self, pod: str) -> Object:
        """The pod, once the scheduler gave it to this node."""
        path = f"/api/v1/namespaces/default/pods/{pod}"
        found: list[Object] = []

        def given() -> bool:
            one = self.plane.fetch(path)
            found[:] = [one] if one is not None and one["spec"].get("nodeName") == self.node else []
            return bool(found)

        wait_until(given, f"{pod} is given to {self.node}")
        return found[0]

    def _is_tainted(self) -> bool:
        node = self.plane.fetch(f"/api/v1/nodes/{self.node}")
        return node is None or bool(node["spec"].get("taints"))

    def _pod_says(
        self,
        pod: str,
        phase: str,
        ready: str,
        state: Object,
        last: Object | None = None,
        steps: Mapping[str, Object] | None = None,
        **more: Any,
    ) -> None:
        """``steps`` are the states of the init containers that began, where not all are over."""
        spec = self.has(pod)["spec"]
        conditions = [_condition(kind, ready) for kind in ("Ready", "ContainersReady")]
        initialized = "True" if steps is None else "False"
        conditions += [_condition("PodScheduled", "True"), _condition("Initialized", initialized)]
        main = [_container(one, state, last or {}, ready == "True") for one in spec["containers"]]
        before = [_step(one, steps) for one in spec.get("initContainers") or []]
        told: Object = {"phase": phase, "conditions": conditions, "containerStatuses": main, **more}
        self._patch("pod", pod, {**told, "initContainerStatuses": before})

    def _node_says(self, conditions: list[tuple[str, str, str]]) -> None:
        now = _now()
        said = [{**_condition(kind, status, reason), "lastHeartbeatTime": now} for kind, status, reason in conditions]
        self._patch("node", self.node, {"conditions": said})

    def _patch(self, kind: str, name: str, status: Object) -> None:
        patch = json.dumps({"status": status})
        self.plane.kubectl("patch", kind, name, "--subresource=status", "--type=merge", "-p", patch)


def pods_of(plane: Cluster, workspace: str) -> Iterator[str]:
    """The names of the Workspace's pods that are not over."""
    for one in plane.get("pods", f"-lkaito.sh/workspace={workspace}"):
        if one["status"].get("phase") not in ("Succeeded", "Failed"):
            yield one["metadata"]["name"]


def _step(spec: Object, steps: Mapping[str, Object] | None) -> Object:
    """The status of an init container."""
    over = ended(0, "Completed")
    state = over if steps is None else steps.get(spec["name"], waits("PodInitializing"))
    return _container(spec, state, {}, "terminated" in state)


def _container(spec: Object, state: Object, last: Object, ready: bool) -> Object:
    about = {"name": spec["name"], "image": spec["image"], "imageID": "", "restartCount": int(bool(last))}
    return {**about, "ready": ready, "started": ready, "state": state, "lastState": last}


def _condition(kind: str, status: str, reason: str = "") -> Object:
    return {"type": kind, "status": status, "reason": reason, "message": "", "lastTransitionTime": _now()}


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
