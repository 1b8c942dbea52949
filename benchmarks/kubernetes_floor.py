"""The rival of ``kubernetes_operator.py``: the writes that KAITO's objects take, sent by a client that decides nothing.

    python -m benchmarks.kubernetes_floor --harness DIR --kubeconfig FILE --recorded FILE

It reads the bodies of one Workspace's writes from ``--recorded``, puts names and uids in, and sends them for each
Workspace that appears, with as many connections as the operator has workers: finalizer, revision, both Services and the
StatefulSet; then, once the pod is ready, the status that says so and one Event. Where there is a NodeClaim, the plan
comes before the revision, the claim after it, and the Services once it is ready and the node has its label.

It keeps no caches, renders, compares and checks nothing, and asks for as little as these writes need. So an operator
can hardly be faster on the same machine with the same requests in the same order, and how near ours comes to it does
not depend on the machine's mood.
"""

from __future__ import annotations

import argparse
import importlib
import json
import queue
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Object = dict[str, Any]

WORKSPACES = "/apis/kaito.sh/v1beta1"
MANAGER = "fieldManager=floor"
APPLY = "application/apply-patch+yaml"
PATHS = {"Service": "/api/v1", "StatefulSet": "/apis/apps/v1", "ControllerRevision": "/apis/apps/v1"}
CLAIMS = "/apis/karpenter.sh/v1/nodeclaims"
NAME, UID = "recorded-name", "recorded-uid"
"""What stands for the Workspace's name and uid in what was recorded."""
OWNER = "kaito.sh/workspace"


class Floor:
    """``recorded`` is what the function of that name makes."""

    def __init__(self, kube: Any, recorded: Object, workers: int) -> None:
        self._kube, self._recorded = kube, recorded
        self._queue: queue.Queue[tuple[str, ...]] = queue.Queue()
        self._seen: set[tuple[str, str]] = set()
        self._told: set[str] = set()
        self._workers = workers

    def run(self) -> None:
        """Work until killed."""
        for _ in range(self._workers):
            threading.Thread(target=self._work, daemon=True).start()
        stop = threading.Event()
        self._kube.watch(f"{WORKSPACES}/workspaces", self._workspace, stop)
        self._kube.watch(f"/api/v1/pods?labelSelector={OWNER}", self._pod, stop)
        if self._recorded["claim"]:
            self._kube.watch(f"{CLAIMS}?labelSelector={OWNER}", self._claim, stop)
        stop.wait()

    def _workspace(self, _: str, found: Object, __: float) -> None:
        about = found["metadata"]
        step = "leave" if about.get("deletionTimestamp") else "start"
        if (about["uid"], step) not in self._seen:
            self._seen.add((about["uid"], step))
            self._put(step, about["namespace"], about["name"], about["uid"])

    def _pod(self, kind: str, found: Object, _: float) -> None:
        about = found["metadata"]
        if self._is_news(kind, found):
            self._put("ready", about["namespace"], about["labels"][OWNER], "")

    def _claim(self, kind: str, found: Object, _: float) -> None:
        labels = found["metadata"]["labels"]
        if self._is_news(kind, found):
            node, uid = found["status"]["nodeName"], found["metadata"]["name"].removeprefix("ws-")
            self._put("held", labels["kaito.sh/workspacenamespace"], labels[OWNER], uid, node)

    def _put(self, step: str, *about: str) -> None:
        self._queue.put((step, *about))

    def _is_news(self, kind: str, found: Object) -> bool:
        """Whether it became ready, which was not told before."""
        uid, conditions = found["metadata"]["uid"], (found.get("status") or {}).get("conditions") or []
        ready = any(one["type"] == "Ready" and one["status"] == "True" for one in conditions)
        if not ready or kind == "DELETED" or uid in self._told:
            return False
        self._told.add(uid)
        return True

    def _work(self) -> None:
        while True:
            step, namespace, name, uid, *more = self._queue.get()
            try:
                getattr(self, f"_{step}")(namespace, name, uid, *more)
            except Exception as error:
                print(f"{step} {name}: {error}", file=sys.stderr, flush=True)

    def _start(self, namespace: str, name: str, uid: str) -> None:
        at = f"{WORKSPACES}/namespaces/{namespace}/workspaces/{name}"
        self._merge(at, self._body("mark", name, uid))
        claim = self._body("claim", name, uid)
        if claim:
            self._merge(f"{at}/status", {"status": self._body("planned", name, uid)})
        self._apply(namespace, [self._body("revision", name, uid)])
        if claim:
            self._kube.request("PATCH", f"{CLAIMS}/{claim['metadata']['name']}?{MANAGER}&force=true", claim, APPLY)
        else:
            self._apply(namespace, self._body("children", name, uid))

    def _held(self, namespace: str, name: str, uid: str, node: str) -> None:
        self._merge(f"/api/v1/nodes/{node}", {"metadata": {"labels": {"accelerator": "nvidia"}}})
        self._apply(namespace, self._body("children", name, uid))

    def _apply(self, namespace: str, objects: Sequence[Object]) -> None:
        for child in objects:
            plural = f"{child['kind'].lower()}s"
            path = f"{PATHS[child['kind']]}/namespaces/{namespace}/{plural}/{child['metadata']['name']}"
            self._kube.request("PATCH", f"{path}?{MANAGER}&force=true", child, APPLY)

    def _ready(self, namespace: str, name: str, uid: str) -> None:
        at = f"{WORKSPACES}/namespaces/{namespace}/workspaces/{name}/status"
        self._merge(at, {"status": {**self._body("planned", name, uid), **self._body("ready", name, uid)}})
        self._kube.create(f"/api/v1/namespaces/{namespace}/events", self._body("event", name, uid))

    def _leave(self, namespace: str, name: str, uid: str) -> None:
        if self._recorded["claim"]:
            self._kube.delete(f"{CLAIMS}/ws-{uid}")
        self._merge(f"{WORKSPACES}/namespaces/{namespace}/workspaces/{name}", {"metadata": {"finalizers": None}})

    def _merge(self, path: str, patch: Object) -> None:
        self._kube.merge(f"{path}?{MANAGER}", patch)

    def _body(self, part: str, name: str, uid: str) -> Any:
        return json.loads(json.dumps(self._recorded[part]).replace(NAME, name).replace(UID, uid))


def recorded(rendered: Sequence[Object], status: Object) -> Object:
    """What ``Floor`` sends of a Workspace called ``NAME``: its children as rendered, and ``status`` in the end."""
    version = "kaito.sh/v1beta1"
    owner = {"apiVersion": version, "kind": "Workspace", "name": NAME, "uid": UID}
    owners = [{**owner, "controller": True, "blockOwnerDeletion": True}]
    digest = "0" * 64
    revision = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {
            "name": f"{NAME}-00000",
            "labels": {"workspace.kaito.io/name": NAME},
            "annotations": {"workspace.kaito.io/hash": digest},
        },
        "revision": 1,
        "data": {"inference": {"preset": {"name": status["plan"]["preset"]}}, "resource": {"instanceType": "Standard"}},
    }
    claims = [one for one in rendered if one["kind"] == "NodeClaim"]
    owned = [revision, *(one for one in rendered if one not in claims)]
    revision, *children = ({**one, "metadata": {**one["metadata"], "ownerReferences": owners}} for one in owned)
    claim = {**claims[0], "metadata": {**claims[0]["metadata"], "name": f"ws-{UID}"}} if claims else None
    unknown = [{**one, "status": "Unknown", "reason": "Planned"} for one in status["conditions"]]
    annotations = {"workspace.kaito.io/hash": digest, "workspace.kaito.io/revision": "1"}
    return {
        "mark": {"metadata": {"finalizers": ["workspace.finalizer.kaito.sh"], "annotations": annotations}},
        "planned": {**status, "state": "Pending", "conditions": unknown},
        "revision": revision,
        "claim": claim,
        "children": children,
        "ready": {"state": "Ready", "conditions": status["conditions"]},
        "event": {
            "metadata": {"name": f"{NAME}.floor"},
            "involvedObject": owner,
            "type": "Normal",
            "reason": "WorkspaceReady",
            "message": "the workspace is ready to be used",
            "source": {"component": "floor"},
        },
    }


def main() -> None:
    """Runs until killed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--harness", type=Path, required=True)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--recorded", type=Path, required=True)
    parser.add_argument("--workers", type=int, default=6)
    options = parser.parse_args()
    sys.path.insert(0, str(options.harness))
    kube = importlib.import_module("kube")

    config = json.loads(options.kubeconfig.read_text())
    server, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
    Floor(kube.Kube(server, token, "floor"), json.loads(options.recorded.read_text()), options.workers).run()


if __name__ == "__main__":
    main()
