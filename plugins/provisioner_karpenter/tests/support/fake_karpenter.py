"""A stand-in for an API server with Karpenter behind it, spoken to over HTTP by the generated client."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from llmwright.testing import Machine, World, make_context
from llmwright.testing.snapshot import ObjectSnapshot
from llmwright_provisioner_karpenter.driver import KarpenterProvisioner

Object = dict[str, Any]
SKU = "Standard_NC24ads_A100_v4"
REFUSALS = (
    (403, "nodeclaims.karpenter.sh is forbidden: cannot patch resource"),
    (422, "NodeClaim.karpenter.sh is invalid: spec.requirements"),
    (429, "the server has received too many requests"),
    (503, "the server is currently unable to handle the request"),
)
"""What the API server answers to writes."""


@dataclass
class FakeKarpenter(World):
    """NodeClaims become Ready a tick after they came, and go a tick after their deletion.

    ``refusing`` makes each NodeClaim vanish instead, as where the cloud has none left; ``off`` leaves NodePools alone.
    """

    objects: dict[str, dict[str, Object]] = field(
        default_factory=lambda: {"nodeclaims": {}, "nodepools": {}, "nodes": {}}
    )
    refusing: bool = False
    off: bool = False
    applied: int = 0
    refused: int = 0

    def truth(self) -> list[Machine]:
        """Each NodeClaim stands for a machine; it runs once it has a node."""
        nodes = self.objects["nodes"]
        claims = ((name, f"node-{name}", claim) for name, claim in self.objects["nodeclaims"].items())
        return [
            Machine(
                name=node,
                running=node in nodes,
                labels=nodes.get(node, claim)["metadata"]["labels"],
                instance_type=_type_of(claim),
            )
            for _, node, claim in claims
        ]

    def lose(self, name: str) -> bool:
        """The machine ends, and Karpenter takes its NodeClaim away."""
        claim = name.removeprefix("node-")
        if claim in self.objects["nodeclaims"]:
            self._remove("nodeclaims", claim)
            return True
        return False

    def break_new(self, broken: bool) -> bool:
        """The cloud has none left."""
        self.refusing = broken
        return True

    def add_foreign(self) -> str:
        """A NodeClaim that another controller made."""
        self.apply("nodeclaims", "foreign", {"metadata": {"name": "foreign", "labels": {"somebody": "else"}}})
        self._launch(self.objects["nodeclaims"]["foreign"])
        return "node-foreign"

    def refuse(self, way: int) -> bool:
        """Answer writes by one of ``REFUSALS``."""
        self.refused = way if way <= len(REFUSALS) else 0
        return way <= len(REFUSALS)

    def snapshot(self) -> ObjectSnapshot:
        """Copies, as caches are."""
        groups = {"nodeclaims": "karpenter.sh", "nodepools": "karpenter.sh", "nodes": ""}
        everything = {
            (groups[plural], plural): json.loads(json.dumps([*found.values()]))
            for plural, found in self.objects.items()
        }
        return ObjectSnapshot(KarpenterProvisioner(make_context()).watches(), everything)

    def tick(self) -> None:
        """Half a minute of Karpenter's work."""
        super().tick()
        for plural in ("nodepools", "nodeclaims"):
            for name in [
                name for name, each in self.objects[plural].items() if "deletionTimestamp" in each["metadata"]
            ]:
                self._remove(plural, name)
        for claim in [*self.objects["nodeclaims"].values()]:
            if self.refusing and "status" not in claim:
                del self.objects["nodeclaims"][claim["metadata"]["name"]]
            else:
                self._launch(claim)
        for pool in [] if self.off else [*self.objects["nodepools"].values()]:
            self._scale(pool)

    def answer(self, write: Callable[[], tuple[int, Object]]) -> tuple[int, Object]:
        """Do a write, or refuse it; return the status and body of the answer."""
        if not self.refused:
            return write()
        code, message = REFUSALS[self.refused - 1]
        return code, {"kind": "Status", "message": message, "code": code}

    def apply(self, plural: str, name: str, body: Object) -> Object:
        """As server-side apply of fields that are all one manager's."""
        self.applied += 1
        found = self.objects[plural].setdefault(name, {"metadata": {"uid": f"uid-{self.applied}"}})
        made = found["metadata"].get("creationTimestamp") or self._stamp()
        metadata = {**body["metadata"], "uid": found["metadata"]["uid"], "creationTimestamp": made}
        found.update({**body, "metadata": {**metadata, "managedFields": [{"manager": "llmwright"}]}})
        return found

    def delete(self, plural: str, name: str, uid: str | None) -> int:
        """The status of the answer."""
        found = self.objects[plural].get(name)
        if found is None:
            return 404
        if uid and found["metadata"]["uid"] != uid:
            return 409
        found["metadata"].setdefault("deletionTimestamp", self._stamp())
        return 200

    def _stamp(self) -> str:
        return self.now.isoformat()

    def _remove(self, plural: str, name: str) -> None:
        gone = self.objects[plural].pop(name)
        self.objects["nodes"].pop(gone.get("status", {}).get("nodeName", ""), None)
        if plural == "nodepools":
            for claim in self.objects["nodeclaims"].values():
                if claim["metadata"]["labels"].get("karpenter.sh/nodepool") == name:
                    claim["metadata"]["deletionTimestamp"] = self._stamp()

    def _launch(self, claim: Object) -> None:
        name = f"node-{claim['metadata']['name']}"
        claim["status"] = {"nodeName": name, "conditions": [{"type": "Ready", "status": "True"}]}
        labels = {**claim["metadata"]["labels"], "node.kubernetes.io/instance-type": SKU}
        status = {"conditions": [{"type": "Ready", "status": "True"}], "allocatable": {"nvidia.com/gpu": "1"}}
        self.objects["nodes"][name] = {"metadata": {"name": name, "labels": labels}, "status": status}

    def _scale(self, pool: Object) -> None:
        name = pool["metadata"]["name"]
        labels = {**pool["spec"]["template"]["metadata"]["labels"], "karpenter.sh/nodepool": name}
        mine = [each for each in self.objects["nodeclaims"].values() if each["metadata"]["labels"] == labels]
        for index in range(len(mine), pool["spec"]["replicas"]):
            claim = f"{name}-{self.applied}{index}"
            self.apply("nodeclaims", claim, {"metadata": {"name": claim, "labels": labels}})
        for surplus in mine[pool["spec"]["replicas"] :]:
            surplus["metadata"]["deletionTimestamp"] = self._stamp()


def _type_of(claim: Object) -> str:
    rules = {rule["key"]: rule.get("values") for rule in claim.get("spec", {}).get("requirements", ())}
    values = rules.get("node.kubernetes.io/instance-type") or [""]
    return str(values[0])


def handler(world: FakeKarpenter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_PATCH(self) -> None:
            plural, name = self._where()
            assert self.headers["Content-Type"] == "application/apply-patch+yaml"
            assert "fieldManager=llmwright" in self.path
            body = self._body()
            self._answer(*world.answer(lambda: (200, world.apply(plural, name, body))))

        def do_DELETE(self) -> None:
            uid = (self._body().get("preconditions") or {}).get("uid")
            self._answer(*world.answer(lambda: (world.delete(*self._where(), uid), {"kind": "Status"})))

        def do_GET(self) -> None:
            label = self.path.partition("labelSelector=")[2].replace("%2F", "/")
            path = self.path.partition("?")[0]
            plural = path.rsplit("/", 1)[1]
            if path == "/apis/karpenter.sh/v1":
                self._answer(200, {"resources": [{"name": name, "kind": name} for name in world.objects]})
                return
            if plural not in world.objects:
                self._answer(404, {"kind": "Status"})
                return
            found = world.objects[plural].values()
            self._answer(200, {"items": [each for each in found if not label or label in each["metadata"]["labels"]]})

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
            pass

        def _where(self) -> tuple[str, str]:
            plural, name = self.path.partition("?")[0].split("/")[-2:]
            return plural, name

        def _body(self) -> Object:
            found: Object = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            return found

        def _answer(self, status: int, body: Object) -> None:
            data = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

    return Handler
