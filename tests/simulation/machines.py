"""Where machines come from: Karpenter with a cloud, a third party's racks, a cloud outside the cluster, users.

Some of them lie: a node comes without its GPUs, is not Ready at first, or never comes; nodes go away and come back.
"""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation import kinds
from tests.simulation.acting import GPU, INSTANCE_TYPE, Acting, condition, digest_of, is_leaving, is_ready, name_of
from tests.simulation.kinds import Kind
from tests.simulation.third_party import AcmeCloud

from llmwright.testing.simulation.storage import Object

TERMINATION = "karpenter.sh/termination"
REGISTRATION_S = (300.0, 900.0)
"""After so long Karpenter gives up a machine that never registers."""
AWAY_S = (5.0, 60.0)
TICK_S = 5.0
CPU_NODE = "cpu-0"
"""A node of the cluster's own, for what needs no GPU."""


@dataclass
class Machines(Acting):
    """All that makes and ends nodes.

    ``gpus`` has the GPUs of each instance type. ``no_capacity`` names types that a cloud has none of now.
    ``unreliable`` is the share, of 1, of new machines with which something is wrong.
    """

    gpus: Mapping[str, int] = field(default_factory=dict)
    no_capacity: set[str] = field(default_factory=set)
    unreliable: float = 0.0
    brought: dict[str, str] = field(default_factory=dict)
    """Nodes that users brought: the value of their label ``apps`` by name."""
    cloud: AcmeCloud | None = None

    def start(self) -> None:
        """Begin all controllers."""
        self.begin("nodeclaims", self._claims)
        self.begin("nodepools", self._pools)
        self.begin("racks", self._racks)
        self.begin("people", self._bring_again)
        self._make_node(CPU_NODE, {}, 0)

    # Karpenter with a cloud.

    def _claims(self) -> bool:
        for claim in self.storage.all(kinds.NODE_CLAIMS):
            finalizers = claim["metadata"].get("finalizers", [])
            if is_leaving(claim):
                if self._drain(kinds.NODE_CLAIMS, claim):
                    return True
            elif TERMINATION not in finalizers:
                self.patch(kinds.NODE_CLAIMS, claim, {"metadata": {"finalizers": [*finalizers, TERMINATION]}})
                self.later(self.pace.machine, lambda claim=claim: self._launched(claim), "machine")  # type: ignore[misc]
                return True
        return False

    def _drain(self, kind: Kind, machine: Object) -> bool:
        """Begin to end a machine whose object is to go; False where that has begun."""
        if (machine.get("status") or {}).get("draining"):
            return False
        self.patch(kind, machine, {"status": {"draining": True}}, "status")
        self.later(self.pace.drain, lambda: self._terminated(kind, machine), "drain")
        return True

    def _launched(self, claim: Object) -> None:
        live = self.storage.get(kinds.NODE_CLAIMS, name_of(claim))
        if live["metadata"]["uid"] != claim["metadata"]["uid"] or is_leaving(live):
            return
        requirements = {item["key"]: item["values"] for item in live["spec"]["requirements"] if item.get("values")}
        machine = requirements[INSTANCE_TYPE][0]
        if machine in self.no_capacity:
            self._give_up(live)
            return
        luck = self.timeline.random.random() < self.unreliable and self.timeline.random.choice(("lost", "late", "bare"))
        if luck == "lost":
            launched = [condition("Launched"), condition("Registered", holds=False, reason="NodeNotFound")]
            self.patch(kinds.NODE_CLAIMS, live, {"status": {"conditions": launched}}, "status")
            self.later(REGISTRATION_S, lambda: self._delete(kinds.NODE_CLAIMS, live), "registration")
            return
        node = f"node-{live['metadata']['name']}"
        labels = {**(live["metadata"].get("labels") or {}), INSTANCE_TYPE: machine, "kubernetes.io/os": "linux"}
        self._make_node(node, labels, self.gpus.get(machine, 0), taints=live["spec"].get("taints", []), luck=luck)
        stages = [condition(stage) for stage in ("Launched", "Registered", "Initialized", "Ready")]
        self.patch(kinds.NODE_CLAIMS, live, {"status": {"nodeName": node, "conditions": stages}}, "status")

    def _give_up(self, claim: Object) -> None:
        """Do as Karpenter does where a cloud has no machine: the NodeClaim goes, and an Event tells why."""
        self.warn("NodeClaim", claim, "InsufficientCapacityError", "insufficient capacity, none in any zone")
        self._delete(kinds.NODE_CLAIMS, claim)

    def warn(self, kind: str, live: Object, reason: str, text: str) -> None:
        """Write a Warning Event; one about an object without a namespace lies in ``default``."""
        name, moment = live["metadata"]["name"], self.moment()
        about = {"kind": kind, "name": name, "uid": live["metadata"]["uid"]}
        body: Object = {"metadata": {"name": f"{name}.{self.storage.version:x}", "namespace": "default"}}
        body |= {"involvedObject": about, "type": "Warning", "reason": reason, "firstTimestamp": moment}
        body |= {"message": f"{kind} {name} event: {text}", "lastTimestamp": moment}
        self.storage.create(kinds.EVENTS, {"apiVersion": "v1", "kind": "Event", **body}, "karpenter")

    def _delete(self, kind: Kind, found: Object) -> None:
        live = self.storage.find(kind, name_of(found))
        if live is not None and live["metadata"]["uid"] == found["metadata"]["uid"]:
            self.storage.delete(kind, name_of(found))

    def _terminated(self, kind: Kind, machine: Object) -> None:
        live = self.storage.get(kind, name_of(machine))
        status = live.get("status") or {}
        self.remove_node(status.get("nodeName") or status.get("node") or "")
        self.patch(kind, machine, {"metadata": {"finalizers": None}})

    def _pools(self) -> bool:
        for pool in self.storage.all(kinds.NODE_POOLS):
            name, uid = pool["metadata"]["name"], pool["metadata"]["uid"]
            claims = [
                claim
                for claim in self.storage.all(kinds.NODE_CLAIMS)
                if claim["metadata"]["labels"].get("karpenter.sh/nodepool") == name
            ]
            alive = [claim for claim in claims if not is_leaving(claim)]
            wanted = pool["spec"].get("replicas", 0)
            if len(alive) < wanted:
                self._make_claim(pool, self._free_name(name, uid))
                return True
            if len(alive) > wanted:
                self.storage.delete(kinds.NODE_CLAIMS, name_of(min(alive, key=self._pods_on)))
                return True
            ready = sum(bool((claim.get("status") or {}).get("nodeName")) for claim in alive)
            if self.report(kinds.NODE_POOLS, pool, {"nodes": ready}):
                return True
        return False

    def _free_name(self, pool: str, uid: str) -> str:
        """Return a name with five digits after the pool's, as Karpenter's; another one where it is taken."""
        names = (f"{pool}-{digest_of([uid, self.storage.version, attempt])[:5]}" for attempt in itertools.count())
        return next(name for name in names if self.storage.find(kinds.NODE_CLAIMS, ("", name)) is None)

    def _pods_on(self, claim: Object) -> int:
        """Return how many pods a machine has, -1 where it is not there yet: Karpenter takes away the emptiest first."""
        node = (claim.get("status") or {}).get("nodeName")
        pods = [pod for pod in self.storage.all(kinds.PODS) if pod["spec"].get("nodeName") == node]
        return len(pods) if node else -1

    def _make_claim(self, pool: Object, name: str) -> None:
        template = copy.deepcopy(pool["spec"]["template"])
        pool_name = pool["metadata"]["name"]
        labels = {**(template.get("metadata", {}).get("labels") or {}), "karpenter.sh/nodepool": pool_name}
        owner = {"apiVersion": "karpenter.sh/v1", "kind": "NodePool", "name": pool_name}
        owner |= {"uid": pool["metadata"]["uid"], "blockOwnerDeletion": True}
        metadata = {"name": name, "labels": labels, "ownerReferences": [owner]}
        body = {"apiVersion": "karpenter.sh/v1", "kind": "NodeClaim", "metadata": metadata, "spec": template["spec"]}
        self.storage.create(kinds.NODE_CLAIMS, body, "karpenter")

    # The racks of a third party, and its cloud.

    def _racks(self) -> bool:
        for rack in self.storage.all(kinds.RACKS):
            if is_leaving(rack):
                if self._drain(kinds.RACKS, rack):
                    return True
            elif not rack["metadata"].get("finalizers"):
                self.patch(kinds.RACKS, rack, {"metadata": {"finalizers": ["acme.example/rack"]}})
                self.later(self.pace.machine, lambda rack=rack: self._racked(rack), "rack")  # type: ignore[misc]
                return True
        return False

    def _racked(self, rack: Object) -> None:
        live = self.storage.get(kinds.RACKS, name_of(rack))
        if live["metadata"]["uid"] != rack["metadata"]["uid"] or is_leaving(live):
            return
        node = f"rack-{live['metadata']['name']}-{live['metadata']['uid'][:4]}"
        self._make_node(node, dict(live["spec"]["labels"]), 1)
        self.patch(kinds.RACKS, live, {"status": {"node": node}}, "status")

    def follow(self, cloud: AcmeCloud) -> None:
        """Have the machines of a cloud outside become nodes, and go."""
        if self.cloud is not None:
            return
        self.cloud = cloud

        def run() -> None:
            while True:
                self.timeline.pause(TICK_S)
                cloud.tick()
                for name, left in sorted(cloud.machines.items()):
                    if not left and self.storage.find(kinds.NODES, ("", name)) is None:
                        self._make_node(name, {"apps": name.split("-")[1], "acme.example/machine": "true"}, 1)
                for node in self.storage.all(kinds.NODES):
                    name = node["metadata"]["name"]
                    if "acme.example/machine" in node["metadata"]["labels"] and name not in cloud.machines:
                        self.remove_node(name)

        self.timeline.spawn(run, "cloud", "world")

    # Nodes that users bring, and what becomes of nodes.

    def bring(self, workspace: str, count: int) -> None:
        """Bring nodes with the label of a Workspace."""
        for _ in range(count):
            self.brought[f"brought-{len(self.brought)}"] = workspace
        self._bring_again()

    def _bring_again(self) -> bool:
        """Have somebody replace a brought node that is gone."""
        for name, workspace in self.brought.items():
            if self.storage.find(kinds.NODES, ("", name)) is None:
                labels = {"apps": workspace, INSTANCE_TYPE: next(iter(self.gpus))}
                luck = self.timeline.random.random() < self.unreliable and "late"
                self._make_node(name, labels, self.gpus[labels[INSTANCE_TYPE]], luck=luck)
                return True
        return False

    def _make_node(self, name: str, labels: Object, gpus: int, *, taints: Any = (), luck: str | bool = "") -> None:
        metadata = {"name": name, "labels": {"kubernetes.io/os": "linux", **labels}, "finalizers": [TERMINATION]}
        spec = {"taints": [*taints], "providerID": f"cloud://{name}"}
        self.storage.create(
            kinds.NODES, {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}, "cloud"
        )
        self._report_node(name, gpus=0 if luck == "bare" else gpus, ready=luck != "late")
        if luck:
            self.later(AWAY_S, lambda: self._report_node(name, gpus=gpus), "node")

    def _report_node(self, name: str, *, gpus: int, ready: bool = True) -> None:
        resources = {GPU: str(gpus)} if gpus else {}
        status = {"conditions": [condition("Ready", holds=ready, reason="Kubelet")], "allocatable": resources}
        node = self.storage.get(kinds.NODES, ("", name))
        self.patch(kinds.NODES, node, {"status": {**status, "capacity": resources}}, "status")

    def nodes(self) -> list[Object]:
        """Return the nodes that something may happen to."""
        return [node for node in self.storage.all(kinds.NODES) if node["metadata"]["name"] != CPU_NODE]

    def send_away(self, node: Object) -> None:
        """Have a node not answer for a while."""
        name, gpus = node["metadata"]["name"], int((node["status"].get("allocatable") or {}).get(GPU, 0))
        if is_ready(node):
            self._report_node(name, gpus=gpus, ready=False)
            self.later(AWAY_S, lambda: self._report_node(name, gpus=gpus), "node")

    def lose(self, node: Object) -> None:
        """Have a machine die, and what stands for it with it."""
        name = node["metadata"]["name"]
        for kind, path in ((kinds.NODE_CLAIMS, "nodeName"), (kinds.RACKS, "node")):
            for machine in self.storage.all(kind):
                if (machine.get("status") or {}).get(path) == name:
                    self.storage.delete(kind, name_of(machine))
                    return
        if self.cloud is not None:
            self.cloud.machines.pop(name, None)
        self.remove_node(name)

    def vanish(self, node: Object) -> None:
        """Have a node go at once; what stands for its machine is ended later, as Karpenter does."""
        name = node["metadata"]["name"]
        self.later((10.0, 60.0), lambda: self.lose(node), "repair")
        self.remove_node(name)

    def remove_node(self, name: str) -> None:
        """End a node."""
        found = self.storage.find(kinds.NODES, ("", name))
        if found is not None:
            self.patch(kinds.NODES, found, {"metadata": {"finalizers": None}})
            self.storage.delete(kinds.NODES, ("", name))
