"""Controllers of Kubernetes, its scheduler and kubelets, as far as an operator sees them."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.simulation import kinds
from tests.simulation.acting import GPU, Acting, digest_of, is_ready, name_of
from tests.simulation.kinds import Kind

from llmwright.testing.simulation.storage import Object


@dataclass
class Workloads(Acting):
    """StatefulSets, Jobs and their pods. ``failing`` names Jobs that end with a failure."""

    failing: set[str] = field(default_factory=set)

    def start(self) -> None:
        """Begin all controllers."""
        self.begin("garbage collector", self.storage.collect_garbage)
        self.begin("statefulsets", self._statefulsets)
        self.begin("jobs", self._jobs)
        self.begin("scheduler", self._scheduler)
        self.begin("kubelets", self._kubelets)

    # Controllers of Kubernetes.

    def _statefulsets(self) -> bool:
        for found in self.storage.all(kinds.STATEFULSETS):
            if "deletionTimestamp" not in found["metadata"] and self._statefulset(found):
                return True
        return False

    def _statefulset(self, found: Object) -> bool:
        """Make or end one pod, or tell the status; pods come one after the other unless they may come in parallel."""
        revision = digest_of(found["spec"]["template"])
        pods = {pod["metadata"]["name"]: pod for pod in self._pods_of(found)}
        wanted = [f"{found['metadata']['name']}-{number}" for number in range(found["spec"].get("replicas", 1))]
        parallel = found["spec"].get("podManagementPolicy") == "Parallel"
        for name in wanted:
            if name not in pods:
                if self.storage.find(kinds.PODS, (found["metadata"]["namespace"], name)) is not None:
                    break  # The pod of a predecessor has the name until the garbage collector took it.
                self._make_pod(kinds.STATEFULSETS, found, name, found["spec"]["template"], revision)
                return True
            if not parallel and not is_ready(pods[name]):
                break
        for name, pod in sorted(pods.items(), reverse=True):
            leaving = "deletionTimestamp" in pod["metadata"]
            outdated = pod["metadata"]["labels"]["controller-revision-hash"] != revision
            if not leaving and (name not in wanted or (outdated and self._may_replace(pods, wanted))):
                self.end_pod(pod)
                return True
        ready = [pod for pod in pods.values() if is_ready(pod)]
        status = {
            "observedGeneration": found["metadata"]["generation"],
            "replicas": len(pods),
            "readyReplicas": len(ready),
            "updateRevision": revision,
            "currentRevision": revision,
        }
        return self.report(kinds.STATEFULSETS, found, status)

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
                name = f"{found['metadata']['name']}-{digest_of(found['metadata']['uid'])[:5]}"
                self._make_pod(kinds.JOBS, found, name, found["spec"]["template"], "")
                return True
            phases = {pod["status"].get("phase") for pod in pods}
            if phases & {"Succeeded", "Failed"}:
                done = "Complete" if "Succeeded" in phases else "Failed"
                moment = self.moment()
                told = {"type": done, "status": "True", "reason": done, "message": "", "lastTransitionTime": moment}
                self.patch(kinds.JOBS, found, {"status": {"conditions": [told], "completionTime": moment}}, "status")
                return True
            if self.report(kinds.JOBS, found, {"active": len(pods)}):
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
            if is_ready(node) and "deletionTimestamp" not in node["metadata"]:
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
                self.later(self.pace.container, lambda pod=pod: self._started(pod), "container")  # type: ignore[misc]
                return True
        return False

    def _started(self, pod: Object) -> None:
        containers = [{"name": c["name"], "ready": True, "state": {"running": {}}} for c in pod["spec"]["containers"]]
        ready = {"type": "Ready", "status": "True", "reason": "", "message": ""}
        status = {"phase": "Running", "conditions": [ready], "containerStatuses": containers}
        self.patch(kinds.PODS, pod, {"status": status}, "status")
        if any(owner["kind"] == "Job" for owner in pod["metadata"]["ownerReferences"]):
            self.later(self.pace.job, lambda: self._ended(pod), "job")

    def _ended(self, pod: Object) -> None:
        job = pod["metadata"]["ownerReferences"][0]["name"]
        failed = job in self.failing
        state = {"terminated": {"exitCode": 2 if failed else 0, "message": "the data set cannot be used"}}
        containers = [{"name": c["name"], "ready": False, "state": state} for c in pod["spec"]["containers"]]
        status = {"phase": "Failed" if failed else "Succeeded", "containerStatuses": containers, "conditions": []}
        self.patch(kinds.PODS, pod, {"status": status}, "status")

    def end_pod(self, pod: Object) -> None:
        """Have a pod end as a deletion does: it is marked, and gone after a while."""
        live = self.storage.get(kinds.PODS, name_of(pod))
        marked = copy.deepcopy(live)
        marked["metadata"]["finalizers"] = ["kubelet"]
        self.storage.update(kinds.PODS, name_of(pod), marked, "kubelet")
        self.storage.delete(kinds.PODS, name_of(pod), pod["metadata"]["uid"])
        self.later(self.pace.container, lambda: self._gone(pod), "end of a pod")

    def _gone(self, pod: Object) -> None:
        if "deletionTimestamp" in pod["metadata"] or pod["metadata"].get("finalizers"):
            self.patch(kinds.PODS, pod, {"metadata": {"finalizers": None}})
        live = self.storage.find(kinds.PODS, name_of(pod))
        if live is not None and live["metadata"]["uid"] == pod["metadata"]["uid"]:
            if live["metadata"].get("finalizers"):
                self.patch(kinds.PODS, live, {"metadata": {"finalizers": None}})
            if self.storage.find(kinds.PODS, name_of(pod)) is not None:
                self.storage.delete(kinds.PODS, name_of(pod))


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
