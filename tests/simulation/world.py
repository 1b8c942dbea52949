"""What acts in a cluster besides the operator: controllers, scheduler, kubelets and Karpenter, as it sees them.

Each is a thread that looks at the storage whenever it changed, does one thing, and takes its time for it. Nothing of
LLMwright is imported here.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import kinds
from tests.simulation.api_server import merge_patched
from tests.simulation.kinds import Kind
from tests.simulation.storage import Name, Object, Refused, Storage
from tests.simulation.timeline import Timeline

TERMINATION = "karpenter.sh/termination"
INSTANCE_TYPE = "node.kubernetes.io/instance-type"
GPU = "nvidia.com/gpu"


@dataclass
class Pace:
    """How long things take, in seconds: the shortest and the longest."""

    controller: tuple[float, float] = (0.0, 0.1)
    machine: tuple[float, float] = (1.0, 60.0)
    container: tuple[float, float] = (0.5, 20.0)
    job: tuple[float, float] = (5.0, 120.0)
    drain: tuple[float, float] = (0.5, 30.0)


@dataclass
class World:
    """Everything that moves by itself.

    ``gpus`` has the GPUs of each instance type. ``no_capacity`` names types that a cloud has none of now.
    ``failing`` names Jobs that end with a failure.
    """

    storage: Storage
    timeline: Timeline
    pace: Pace = field(default_factory=Pace)
    gpus: Mapping[str, int] = field(default_factory=dict)
    no_capacity: set[str] = field(default_factory=set)
    failing: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Begin all controllers."""
        for name, look in (
            ("garbage collector", self.storage.collect_garbage),
            ("statefulsets", self._statefulsets),
            ("jobs", self._jobs),
            ("scheduler", self._scheduler),
            ("kubelets", self._kubelets),
            ("nodeclaims", self._claims),
            ("nodepools", self._pools),
        ):
            self.timeline.spawn(self._loop(look), name)

    def _loop(self, look: Callable[[], bool]) -> Callable[[], None]:
        def run() -> None:
            while True:
                seen = self.storage.version
                while look():
                    self._take(self.pace.controller)
                self.timeline.wait(lambda seen=seen: self.storage.version > seen, None)  # type: ignore[misc]
                self._take(self.pace.controller)

        return run

    def _take(self, seconds: tuple[float, float]) -> None:
        self.timeline.pause(self.timeline.random.uniform(*seconds))

    def _later(self, seconds: tuple[float, float], work: Callable[[], None], name: str) -> None:
        """Do something after a while, in a thread of its own; the object may be gone by then."""

        def run() -> None:
            self._take(seconds)
            try:
                work()
            except Refused as refused:
                if refused.code not in (404, 409):
                    raise

        self.timeline.spawn(run, name)

    def patch(self, kind: Kind, found: Object, patch: Object, part: str = "") -> None:
        """Change an object as its controller does."""
        name = _name(found)
        live = self.storage.get(kind, name)
        if live["metadata"]["uid"] != found["metadata"]["uid"]:
            raise Refused(409, "Conflict", "another object has the name")
        self.storage.update(kind, name, merge_patched(live, patch), f"{kind.plural}-controller", part=part)

    # Controllers of Kubernetes.

    def _statefulsets(self) -> bool:
        for found in self.storage.all(kinds.STATEFULSETS):
            if "deletionTimestamp" not in found["metadata"] and self._statefulset(found):
                return True
        return False

    def _statefulset(self, found: Object) -> bool:
        """Make or end one pod, or tell the status; pods come one after the other unless they may come in parallel."""
        revision = _digest(found["spec"]["template"])
        pods = {pod["metadata"]["name"]: pod for pod in self._pods_of(found)}
        wanted = [f"{found['metadata']['name']}-{number}" for number in range(found["spec"].get("replicas", 1))]
        parallel = found["spec"].get("podManagementPolicy") == "Parallel"
        for name in wanted:
            if name not in pods:
                self._make_pod(kinds.STATEFULSETS, found, name, found["spec"]["template"], revision)
                return True
            if not parallel and not _is_ready(pods[name]):
                break
        for name, pod in sorted(pods.items(), reverse=True):
            leaving = "deletionTimestamp" in pod["metadata"]
            outdated = pod["metadata"]["labels"]["controller-revision-hash"] != revision
            if not leaving and (name not in wanted or (outdated and self._may_replace(pods, wanted))):
                self.end_pod(pod)
                return True
        ready = [pod for pod in pods.values() if _is_ready(pod)]
        status = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "updateRevision": revision,
            "currentRevision": revision,
        }
        return self._tell(kinds.STATEFULSETS, found, status)

    def _may_replace(self, pods: Mapping[str, Object], wanted: list[str]) -> bool:
        return all(name in pods and "deletionTimestamp" not in pods[name]["metadata"] for name in wanted)

    def _jobs(self) -> bool:
        for found in self.storage.all(kinds.JOBS):
            if "deletionTimestamp" in found["metadata"]:
                continue
            conditions = (found.get("status") or {}).get("conditions") or []
            if conditions:
                continue
            pods = self._pods_of(found)
            if not pods:
                name = f"{found['metadata']['name']}-{_digest(found['metadata']['uid'])[:5]}"
                self._make_pod(kinds.JOBS, found, name, found["spec"]["template"], "")
                return True
            phases = {pod["status"].get("phase") for pod in pods}
            if phases & {"Succeeded", "Failed"}:
                done = "Complete" if "Succeeded" in phases else "Failed"
                moment = self._moment()
                told = {"type": done, "status": "True", "reason": done, "message": "", "lastTransitionTime": moment}
                self.patch(kinds.JOBS, found, {"status": {"conditions": [told], "completionTime": moment}}, "status")
                return True
            if self._tell(kinds.JOBS, found, {"active": len(pods)}):
                return True
        return False

    def _make_pod(self, kind: Kind, owner: Object, name: str, template: Object, revision: str) -> None:
        metadata = copy.deepcopy(template.get("metadata") or {})
        labels = {**(metadata.get("labels") or {}), **({"controller-revision-hash": revision} if revision else {})}
        reference = {"apiVersion": kind.api_version, "kind": kind.kind, "name": owner["metadata"]["name"]}
        reference |= {"uid": owner["metadata"]["uid"], "controller": True}
        metadata |= {"name": name, "namespace": owner["metadata"]["namespace"], "labels": labels}
        metadata["ownerReferences"] = [reference]
        spec = copy.deepcopy(template["spec"])
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        self.storage.create(kinds.PODS, body, "controller")
        pod = self.storage.get(kinds.PODS, (metadata["namespace"], name))
        self.patch(kinds.PODS, pod, {"status": {"phase": "Pending", "conditions": []}}, "status")

    def _pods_of(self, owner: Object) -> list[Object]:
        uid = owner["metadata"]["uid"]
        pods = self.storage.all(kinds.PODS)
        return [pod for pod in pods if any(o["uid"] == uid for o in pod["metadata"].get("ownerReferences", ()))]

    def _tell(self, kind: Kind, found: Object, status: Object) -> bool:
        live = found.get("status") or {}
        if all(live.get(name) == value for name, value in status.items()):
            return False
        self.patch(kind, found, {"status": status}, "status")
        return True

    # Scheduler and kubelets.

    def _scheduler(self) -> bool:
        for pod in self.storage.all(kinds.PODS):
            if pod["spec"].get("nodeName") or "deletionTimestamp" in pod["metadata"]:
                continue
            node = next((node for node in self._free_nodes() if _may_run(pod, node)), None)
            if node is not None:
                self.patch(kinds.PODS, pod, {"spec": {"nodeName": node["metadata"]["name"]}})
                return True
            message = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
            told = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": message}
            if told not in pod["status"].get("conditions", ()):
                self.patch(kinds.PODS, pod, {"status": {"conditions": [told]}}, "status")
                return True
        return False

    def _free_nodes(self) -> Iterator[Object]:
        taken: dict[str, int] = {}
        for pod in self.storage.all(kinds.PODS):
            node = pod["spec"].get("nodeName")
            if node and pod["status"].get("phase") not in ("Succeeded", "Failed"):
                taken[node] = taken.get(node, 0) + _gpus(pod)
        for node in self.storage.all(kinds.NODES):
            name = node["metadata"]["name"]
            left = int(node["status"].get("allocatable", {}).get(GPU, "0")) - taken.get(name, 0)
            if _is_ready(node) and "deletionTimestamp" not in node["metadata"]:
                yield {**node, "left": left}

    def _kubelets(self) -> bool:
        nodes = {node["metadata"]["name"] for node in self.storage.all(kinds.NODES)}
        for pod in self.storage.all(kinds.PODS):
            node, status = pod["spec"].get("nodeName"), pod["status"]
            if not node:
                continue
            if node not in nodes:
                self._gone(pod)  # The pod garbage collector's part: its node is gone.
                return True
            if status.get("phase") == "Pending" and not status.get("starting"):
                self.patch(kinds.PODS, pod, {"status": {"starting": True, "conditions": []}}, "status")
                self._later(self.pace.container, lambda pod=pod: self._started(pod), "container")  # type: ignore[misc]
                return True
        return False

    def _started(self, pod: Object) -> None:
        containers = [{"name": c["name"], "ready": True, "state": {"running": {}}} for c in pod["spec"]["containers"]]
        ready = {"type": "Ready", "status": "True", "reason": "", "message": ""}
        status = {"phase": "Running", "conditions": [ready], "containerStatuses": containers}
        self.patch(kinds.PODS, pod, {"status": status}, "status")
        if any(owner["kind"] == "Job" for owner in pod["metadata"]["ownerReferences"]):
            self._later(self.pace.job, lambda: self._ended(pod), "job")

    def _ended(self, pod: Object) -> None:
        job = pod["metadata"]["ownerReferences"][0]["name"]
        failed = job in self.failing
        state = {"terminated": {"exitCode": 2 if failed else 0, "message": "the data set cannot be used"}}
        containers = [{"name": c["name"], "ready": False, "state": state} for c in pod["spec"]["containers"]]
        status = {"phase": "Failed" if failed else "Succeeded", "containerStatuses": containers, "conditions": []}
        self.patch(kinds.PODS, pod, {"status": status}, "status")

    def end_pod(self, pod: Object) -> None:
        """Have a pod end as a deletion does: it is marked, and gone after a while."""
        live = self.storage.get(kinds.PODS, _name(pod))
        marked = copy.deepcopy(live)
        marked["metadata"]["finalizers"] = ["kubelet"]
        self.storage.update(kinds.PODS, _name(pod), marked, "kubelet")
        self.storage.delete(kinds.PODS, _name(pod), pod["metadata"]["uid"])
        self._later(self.pace.container, lambda: self._gone(pod), "end of a pod")

    def _gone(self, pod: Object) -> None:
        if "deletionTimestamp" in pod["metadata"] or pod["metadata"].get("finalizers"):
            self.patch(kinds.PODS, pod, {"metadata": {"finalizers": None}})
        live = self.storage.find(kinds.PODS, _name(pod))
        if live is not None and live["metadata"]["uid"] == pod["metadata"]["uid"]:
            if live["metadata"].get("finalizers"):
                self.patch(kinds.PODS, live, {"metadata": {"finalizers": None}})
            if self.storage.find(kinds.PODS, _name(pod)) is not None:
                self.storage.delete(kinds.PODS, _name(pod))

    # Karpenter with a cloud.

    def _claims(self) -> bool:
        for claim in self.storage.all(kinds.NODE_CLAIMS):
            metadata, status = claim["metadata"], claim.get("status") or {}
            if "deletionTimestamp" in metadata:
                if not status.get("draining"):
                    self.patch(kinds.NODE_CLAIMS, claim, {"status": {"draining": True}}, "status")
                    self._later(self.pace.drain, lambda claim=claim: self._terminated(claim), "drain")  # type: ignore[misc]
                    return True
            elif TERMINATION not in metadata.get("finalizers", ()):
                finalizers = [*metadata.get("finalizers", ()), TERMINATION]
                self.patch(kinds.NODE_CLAIMS, claim, {"metadata": {"finalizers": finalizers}})
                self._later(self.pace.machine, lambda claim=claim: self._launched(claim), "machine")  # type: ignore[misc]
                return True
        return False

    def _launched(self, claim: Object) -> None:
        live = self.storage.get(kinds.NODE_CLAIMS, _name(claim))
        if live["metadata"]["uid"] != claim["metadata"]["uid"] or "deletionTimestamp" in live["metadata"]:
            return
        requirements = {item["key"]: item["values"] for item in live["spec"]["requirements"] if item.get("values")}
        machine = requirements[INSTANCE_TYPE][0]
        if machine in self.no_capacity:
            self.warn("NodeClaim", live, "InsufficientCapacityError", "insufficient capacity, none in any zone")
            self.storage.delete(kinds.NODE_CLAIMS, _name(claim))  # Karpenter gives such a NodeClaim up.
            return
        node = f"node-{live['metadata']['name']}"
        labels = {**(live["metadata"].get("labels") or {}), INSTANCE_TYPE: machine, "kubernetes.io/os": "linux"}
        metadata = {"name": node, "labels": labels, "finalizers": [TERMINATION]}
        spec = {"taints": live["spec"].get("taints", []), "providerID": f"cloud://{node}"}
        self.storage.create(
            kinds.NODES, {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}, "karpenter"
        )
        ready = {"type": "Ready", "status": "True", "reason": "Ready", "message": ""}
        gpus = str(self.gpus.get(machine, 0))
        status = {"conditions": [ready], "allocatable": {GPU: gpus}, "capacity": {GPU: gpus}}
        self.patch(kinds.NODES, self.storage.get(kinds.NODES, ("", node)), {"status": status}, "status")
        stages = [{**ready, "type": stage} for stage in ("Launched", "Registered", "Initialized", "Ready")]
        self.patch(kinds.NODE_CLAIMS, live, {"status": {"nodeName": node, "conditions": stages}}, "status")

    def warn(self, kind: str, live: Object, reason: str, text: str) -> None:
        """Write a Warning Event; one about an object without a namespace lies in ``default``."""
        name, moment = live["metadata"]["name"], self._moment()
        about = {"kind": kind, "name": name, "uid": live["metadata"]["uid"]}
        body: Object = {"metadata": {"name": f"{name}.{self.storage.version:x}", "namespace": "default"}}
        body |= {"involvedObject": about, "type": "Warning", "reason": reason, "firstTimestamp": moment}
        body |= {"message": f"{kind} {name} event: {text}", "lastTimestamp": moment}
        self.storage.create(kinds.EVENTS, {"apiVersion": "v1", "kind": "Event", **body}, "karpenter")

    def _terminated(self, claim: Object) -> None:
        live = self.storage.get(kinds.NODE_CLAIMS, _name(claim))
        node = (live.get("status") or {}).get("nodeName")
        if node:
            self.lose_node(node)
        self.patch(kinds.NODE_CLAIMS, live, {"metadata": {"finalizers": None}})

    def lose_node(self, node: str) -> None:
        """End a machine and its node."""
        found = self.storage.find(kinds.NODES, ("", node))
        if found is not None:
            self.patch(kinds.NODES, found, {"metadata": {"finalizers": None}})
            self.storage.delete(kinds.NODES, ("", node))

    def _pools(self) -> bool:
        for pool in self.storage.all(kinds.NODE_POOLS):
            name, uid = pool["metadata"]["name"], pool["metadata"]["uid"]
            claims = [
                claim
                for claim in self.storage.all(kinds.NODE_CLAIMS)
                if claim["metadata"]["labels"].get("karpenter.sh/nodepool") == name
            ]
            alive = [claim for claim in claims if "deletionTimestamp" not in claim["metadata"]]
            wanted = pool["spec"].get("replicas", 0)
            if len(alive) < wanted:
                self._make_claim(pool, f"{name}-{_digest([uid, self.storage.version])[:5]}")
                return True
            if len(alive) > wanted:
                self.storage.delete(kinds.NODE_CLAIMS, _name(min(alive, key=self._pods_on)))
                return True
            ready = sum(bool((claim.get("status") or {}).get("nodeName")) for claim in alive)
            if self._tell(kinds.NODE_POOLS, pool, {"nodes": ready}):
                return True
        return False

    def _pods_on(self, claim: Object) -> int:
        """Return how many pods a machine has, -1 where it is not there yet: Karpenter takes away the emptiest first."""
        node = (claim.get("status") or {}).get("nodeName")
        pods = [pod for pod in self.storage.all(kinds.PODS) if pod["spec"].get("nodeName") == node]
        return len(pods) if node else -1

    def _make_claim(self, pool: Object, name: str) -> None:
        template = copy.deepcopy(pool["spec"]["template"])
        labels = {
            **(template.get("metadata", {}).get("labels") or {}),
            "karpenter.sh/nodepool": pool["metadata"]["name"],
        }
        owner = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "name": pool["metadata"]["name"]}
        owner |= {"uid": pool["metadata"]["uid"], "blockOwnerDeletion": True}
        metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
        body = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": metadata, "spec": template["spec"]}
        self.storage.create(kinds.NODE_CLAIMS, body, "karpenter")

    def _moment(self) -> str:
        return self.timeline.datetime().strftime("%Y-%m-%dT%H:%M:%SZ")


def _name(found: Object) -> Name:
    return found["metadata"].get("namespace", ""), found["metadata"]["name"]


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:10]


def _is_ready(found: Object) -> bool:
    conditions = (found.get("status") or {}).get("conditions") or []
    return any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)


def _gpus(pod: Object) -> int:
    containers = pod["spec"]["containers"]
    return sum(int((c.get("resources") or {}).get("limits", {}).get(GPU, 0)) for c in containers)


def _may_run(pod: Object, node: Object) -> bool:
    labels = node["metadata"].get("labels") or {}
    if any(labels.get(key) != value for key, value in (pod["spec"].get("nodeSelector") or {}).items()):
        return False
    terms = _terms(pod["spec"].get("affinity") or {})
    if terms and not any(all(_meets(labels, rule) for rule in term.get("matchExpressions", ())) for term in terms):
        return False
    return _gpus(pod) <= int(node["left"])


def _terms(affinity: Object) -> list[Object]:
    required = (affinity.get("nodeAffinity") or {}).get("requiredDuringSchedulingIgnoredDuringExecution") or {}
    return list(required.get("nodeSelectorTerms") or [])


def _meets(labels: Mapping[str, str], rule: Object) -> bool:
    value = labels.get(rule["key"])
    if rule["operator"] == "In":
        return bool(value in rule["values"])
    if rule["operator"] == "NotIn":
        return bool(value not in rule["values"])
    return bool((value is not None) == (rule["operator"] == "Exists"))
